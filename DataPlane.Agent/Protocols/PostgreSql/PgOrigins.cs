using System.Runtime.CompilerServices;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// Masked columns by the numbers that the server describes results with: a second opinion on where a value comes from, independent of the text.
/// Alone it would prove nothing, because expressions have no origin.
/// </summary>
internal sealed class PgOrigins
{
    /// <summary>Policies and kinds of holders under which sessions of one database are at a time.</summary>
    private const int MostRules = 32;

    private static readonly ConditionalWeakTable<PgCatalog, List<PgOrigins>> Known = [];

    private readonly HashSet<(uint Relation, short Column)> hidden = [];
    private readonly Dictionary<uint, PgRelation> relations = [];
    private readonly PgCatalog catalog;
    private readonly IReadOnlyList<MaskRule> rules;

    private PgOrigins(PgCatalog catalog, IReadOnlyList<MaskRule> rules)
    {
        this.catalog = catalog;
        this.rules = rules;
        if (!MaskPlan.HideColumns(rules))
        {
            return;
        }
        var basis = PgBasis.Of(catalog);
        foreach (var relation in catalog.Relations.Values)
        {
            relations.TryAdd(relation.Oid, relation);
            foreach (var column in relation.Columns)
            {
                if (basis.SourcesOf(relation, column).Any(s => MaskPlan.RuleOf(s, rules) is not null))
                {
                    hidden.Add((relation.Oid, column.Number));
                    hidden.Add((relation.Oid, 0)); // its whole row
                }
            }
        }
    }

    /// <summary>One for all sessions that see the same catalog under the same rules: every column of the database is looked at for it.</summary>
    public static PgOrigins Of(PgCatalog catalog, IReadOnlyList<MaskRule> rules)
    {
        var known = Known.GetOrCreateValue(catalog);
        lock (known)
        {
            if (known.Find(o => o.Fits(catalog, rules)) is { } found)
            {
                return found;
            }
            if (known.Count == MostRules)
            {
                known.RemoveAt(0);
            }
            var made = new PgOrigins(catalog, rules);
            known.Add(made);
            return made;
        }
    }

    public bool Fits(PgCatalog now, IReadOnlyList<MaskRule> its) => ReferenceEquals(catalog, now) && rules.SequenceEqual(its);

    public bool Hides(uint relation, short column) => relation != 0 && hidden.Contains((relation, column));

    /// <summary>Whether the catalog has it. What it has not is newer, and may hold anything: also what a name meant that is known by another number.</summary>
    /// <param name="orOwn">A relation that no catalog has may be the session's own.</param>
    public bool Knows(uint relation, short column, bool orOwn) =>
        relation == 0 || (relations.TryGetValue(relation, out var known) ? column <= 0 || Has(known.Columns, column) : orOwn);

    private static bool Has(IReadOnlyList<PgColumn> columns, short number)
    {
        for (var i = 0; i < columns.Count; i++)
        {
            if (columns[i].Number == number)
            {
                return true;
            }
        }
        return false;
    }
}
