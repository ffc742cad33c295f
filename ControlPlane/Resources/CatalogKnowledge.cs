using System.Collections.Immutable;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Resources;

/// <summary>What relations and columns are called in the databases that agents have looked at: for whoever writes a policy, and for no decision about access.</summary>
public sealed record CatalogKnowledge(ImmutableDictionary<(string Resource, string Agent, string Database), ResourceCatalogReported> Catalogs)
{
    public static CatalogKnowledge Nothing { get; } = new(ImmutableDictionary<(string Resource, string Agent, string Database), ResourceCatalogReported>.Empty);

    /// <summary>Stored names of the events that matter.</summary>
    public static IReadOnlyList<string> Types { get; } = [.. new[] { typeof(ResourceCatalogReported), typeof(AgentRetired) }.Select(EventNames.Of)];

    public static CatalogKnowledge Fold(CatalogKnowledge known, Stored stored)
    {
        ArgumentNullException.ThrowIfNull(known);
        ArgumentNullException.ThrowIfNull(stored);
        return stored.Event switch
        {
            ResourceCatalogReported r => new CatalogKnowledge(known.Catalogs.SetItem((r.Resource, r.Agent, r.Database), r)),
            AgentRetired a => new CatalogKnowledge(known.Catalogs.RemoveRange(known.Catalogs.Keys.Where(k => k.Agent == a.Agent))),
            _ => throw new InvalidOperationException($"`{stored.Event.GetType().Name}` is not about catalogs"),
        };
    }

    /// <summary>All names of a resource's databases; null where nothing is known, or not all of it.</summary>
    public NamesInUse? Of(string resource)
    {
        var its = Catalogs.Values.Where(c => c.Resource == resource).ToList();
        return its.Count == 0 || its.Exists(c => !c.IsAll) ? null : new NamesInUse([.. its.SelectMany(c => c.Relations)]);
    }
}

/// <summary>Names to which patterns may apply. A pattern may leave out parts from the left, so that what comes after any dot is a name as well.</summary>
public sealed class NamesInUse(IReadOnlyList<RelationNames> relations)
{
    private readonly Lazy<Names> tables = new(() => new Names([.. relations.Select(r => r.Relation)]));
    private readonly Lazy<Names> columns = new(() => new Names([.. relations.SelectMany(r => r.Columns.Select(c => $"{r.Relation}.{c}"))]));

    public bool HasRelation(string pattern) => tables.Value.Has(pattern);

    public bool HasColumn(string pattern) => columns.Value.Has(pattern);

    private sealed class Names(HashSet<string> full)
    {
        private readonly HashSet<string> endings = [.. full.SelectMany(Endings)];

        /// <summary>PostgreSQL's own relations are not among the names.</summary>
        public bool Has(string pattern) =>
            pattern.Contains("pg_", StringComparison.Ordinal) || pattern.Contains("information_schema", StringComparison.Ordinal) ||
            (pattern.Contains('*', StringComparison.Ordinal) ? new NamePattern(pattern) is var meant && full.Any(meant.Matches) : endings.Contains(pattern));

        private static IEnumerable<string> Endings(string name)
        {
            for (var at = -1; ; at = name.IndexOf('.', at + 1))
            {
                yield return name[(at + 1)..];
                if (name.IndexOf('.', at + 1) < 0)
                {
                    yield break;
                }
            }
        }
    }
}

/// <summary>Each replica folds it for itself.</summary>
public sealed class CatalogSource(LogTail tail) : IDisposable
{
    private readonly LogFold<CatalogKnowledge> fold = new(tail, CatalogKnowledge.Nothing, [.. CatalogKnowledge.Types], CatalogKnowledge.Fold);

    public ValueTask<CatalogKnowledge> Current(CancellationToken cancel) => fold.Current(cancel);

    public void Dispose() => fold.Dispose();
}
