using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// Masked columns by the numbers that the server describes results with: a second opinion on where a value comes from, independent of the text.
/// Alone it would prove nothing, because expressions have no origin.
/// </summary>
internal sealed class PgOrigins
{
    private readonly HashSet<(uint Relation, short Column)> hidden = [];
    private readonly PgCatalog catalog;
    private readonly IReadOnlyList<MaskRule> rules;

    public PgOrigins(PgCatalog catalog, IReadOnlyList<MaskRule> rules)
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

    public bool Fits(PgCatalog now, IReadOnlyList<MaskRule> its) => ReferenceEquals(catalog, now) && rules.SequenceEqual(its);

    public bool Hides(uint relation, short column) => relation != 0 && hidden.Contains((relation, column));
}
