using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace AccessPlane.Contracts.Sql;

/// <summary>What a catalog's columns are made of, worked out once per catalog.</summary>
public sealed class PgBasis
{
    private const uint OidType = 26;

    /// <summary>Types from here on are not PostgreSQL's own: one of them may be a domain over numbers.</summary>
    private const uint FirstOwnType = 16384;

    private static readonly ConditionalWeakTable<PgCatalog, PgBasis> Known = [];

    private readonly PgCatalog catalog;
    private readonly Dictionary<string, List<PgRelation>> children = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(PgRelation, string), ImmutableHashSet<string>> sources = new();

    private readonly FrozenDictionary<uint, PgFunction> functions;

    private PgBasis(PgCatalog catalog)
    {
        this.catalog = catalog;
        functions = catalog.Functions.Values.SelectMany(f => f).DistinctBy(f => f.Oid).ToFrozenDictionary(f => f.Oid);
        foreach (var relation in catalog.Relations.Values)
        {
            foreach (var parent in relation.Parents)
            {
                if (!children.TryGetValue(parent, out var siblings))
                {
                    children[parent] = siblings = [];
                }
                siblings.Add(relation);
            }
        }
    }

    /// <summary>Views that were read with this catalog, by full name.</summary>
    internal ConcurrentDictionary<string, PgView> Views { get; } = new(StringComparer.Ordinal);

    public static PgBasis Of(PgCatalog catalog) => Known.GetValue(catalog, c => new PgBasis(c));

    /// <summary>Columns that can hold a large object's number: what is in it is their value, for whoever knows or guesses the number.</summary>
    internal ImmutableHashSet<string> LargeObjects => field ??= [.. catalog.Relations.Values.Where(r => !PgTrusted.IsSystem(r.Schema))
        .SelectMany(r => r.Columns.Where(c => c.Type is OidType or >= FirstOwnType).SelectMany(c => SourcesOf(r, c)))];

    /// <summary>Whether a function does nothing but compute from its arguments.</summary>
    internal bool OnlyComputes(uint function) => functions.GetValueOrDefault(function) is { } known && (known.IsBuiltIn || known.IsKnown);

    /// <summary>A column with every column that holds the same values: what it comes from, and the same one of parents and children.</summary>
    public ImmutableHashSet<string> SourcesOf(PgRelation relation, PgColumn column)
    {
        ArgumentNullException.ThrowIfNull(relation);
        ArgumentNullException.ThrowIfNull(column);
        var key = (relation, column.Name);
        return sources.TryGetValue(key, out var known) ? known : sources.GetOrAdd(key, Close(relation, column));
    }

    /// <summary>A relation with everything that inherits from it, which is what reading it reads.</summary>
    internal IEnumerable<PgRelation> WithChildren(PgRelation relation)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal) { relation.FullName };
        var open = new Queue<PgRelation>([relation]);
        while (open.TryDequeue(out var next))
        {
            yield return next;
            foreach (var child in children.GetValueOrDefault(next.FullName) ?? [])
            {
                if (seen.Add(child.FullName))
                {
                    open.Enqueue(child);
                }
            }
        }
    }

    /// <summary>Every column of relations that the facts name, whoever reads them.</summary>
    /// <returns>Null where one of them is not known.</returns>
    internal IEnumerable<string>? ColumnsOf(IReadOnlyList<RelationUse> uses)
    {
        var all = new HashSet<string>(StringComparer.Ordinal);
        foreach (var use in uses)
        {
            if (catalog.Relations.GetValueOrDefault(use.Name) is not { } relation || relation.Opaque is not null || PgTrusted.IsShowing(relation))
            {
                return null;
            }
            foreach (var one in WithChildren(relation).Where(r => !PgTrusted.IsSystem(r.Schema)))
            {
                foreach (var column in one.Columns)
                {
                    all.UnionWith(SourcesOf(one, column));
                }
            }
        }
        return all;
    }

    /// <summary>What else decides whether a base column's value can be written, and (<paramref name="old"/>) whether the one that is there may go.</summary>
    internal IEnumerable<string> Deciding(string column, bool written, bool old) => Find(column) is not var (_, found) ? []
        : (written ? found.Ties : []).Concat(old ? found.ReferredBy : []);

    private ImmutableHashSet<string> Close(PgRelation relation, PgColumn column)
    {
        var found = ImmutableHashSet.CreateBuilder<string>(StringComparer.Ordinal);
        var open = new Queue<(PgRelation Relation, PgColumn Column)>([(relation, column)]);
        while (open.TryDequeue(out var next))
        {
            if (!found.Add($"{next.Relation.FullName}.{next.Column.Name}"))
            {
                continue;
            }
            foreach (var source in next.Column.Source)
            {
                if (Find(source) is { } known)
                {
                    open.Enqueue(known);
                }
                else
                {
                    found.Add(source);
                }
            }
            var kin = next.Relation.Parents.Select(p => catalog.Relations.GetValueOrDefault(p)).Concat(children.GetValueOrDefault(next.Relation.FullName) ?? []);
            foreach (var other in kin)
            {
                if (other?.Columns.FirstOrDefault(c => c.Name == next.Column.Name) is { } same)
                {
                    open.Enqueue((other, same));
                }
            }
        }
        return found.ToImmutable();
    }

    /// <summary>`schema.relation.column`, where any of the three may have a dot in its name.</summary>
    private (PgRelation, PgColumn)? Find(string source)
    {
        for (var dot = source.LastIndexOf('.'); dot > 0; dot = source.LastIndexOf('.', dot - 1))
        {
            if (catalog.Relations.GetValueOrDefault(source[..dot]) is { } relation &&
                relation.Columns.FirstOrDefault(c => c.Name == source[(dot + 1)..]) is { } column)
            {
                return (relation, column);
            }
        }
        return null;
    }
}

/// <summary>A view's query as it was read: its columns, and all that reading it does.</summary>
internal sealed record PgView(PgRows Rows, Lineage Lineage);
