namespace AccessPlane.Contracts.Sql;

/// <summary>Values are followed on top of the facts: where code runs that is not followed value by value, all that it may read counts as touched.</summary>
public sealed partial class PgAnalyst
{
    private StatementFacts? Trace(
        StatementFacts facts, ReadOnlyMemory<byte> json, ReadOnlySpan<byte> text, bool mayRead, Dictionary<(string, string), PgFindings> blocks, ref bool numbersMatter)
    {
        if (facts.Unknown is not null)
        {
            return facts;
        }
        var asked = false;
        var lineage = PgLineage.Read(json, text, Catalog, of => Tree(of, mayRead, ref asked), out var outputs, out var made, out var numbers);
        numbersMatter |= numbers || lineage.Code is not null || made.Count > 0;
        if (asked && !mayRead)
        {
            return null;
        }
        if (lineage.Code is not null || made.Count > 0)
        {
            // all that runs along stands in the facts, but for what functions would do that it makes
            var along = made.Count == 0 ? facts : Along(json, lineage.Code is not null, made, mayRead, blocks);
            if (along is null)
            {
                return null;
            }
            lineage = Reach(lineage, along);
        }
        return facts with { Lineage = lineage, Outputs = outputs };
    }

    /// <summary>What runs along with a text, and what would run if functions were called that it makes: read through wherever there is a text to read.</summary>
    /// <returns>Null where bodies would have to be read, and may not be.</returns>
    private StatementFacts? Along(
        ReadOnlyMemory<byte> json, bool runs, IReadOnlyList<PgFunction> made, bool mayRead, Dictionary<(string, string), PgFindings> blocks)
    {
        var found = runs ? PgTree.Read(json, Catalog, out _) : new PgFindings();
        if (!Follow(found, mayRead, blocks) || (made.Count > 0 && !mayRead))
        {
            return null;
        }
        if (made.Count > 0)
        {
            var bodies = new PgFindings();
            foreach (var function in made)
            {
                bodies.Calls.Add(function.Oid);
            }
            new PgAnalyst(Catalog.With(made), grammar).Follow(bodies, mayRead, []);
            bodies.Hide(bodies.Refused);
            found.Add(bodies);
        }
        return found.Facts(1);
    }

    private Lineage Reach(Lineage lineage, StatementFacts along)
    {
        var why = along.Unknown ?? along.Opaque ?? along.Functions.Select(f => PgTrusted.WhyNotInside(Catalog, f)).FirstOrDefault(w => w is not null) ??
            along.Columns.Where(c => PgTrusted.HoldsDefinitions(c.Column)).Select(c => $"what `{c.Column}` says could not be followed").FirstOrDefault();
        var basis = PgBasis.Of(Catalog);
        var reached = basis.ColumnsOf(along.Relations);
        if (why is not null || reached is null)
        {
            return lineage with { Unproven = lineage.Unproven ?? why ?? "it uses relations that are not known here: write the schema with their names" };
        }
        var objects = along.Functions.Any(f => PgTrusted.IsLargeObject(f[(f.LastIndexOf('.') + 1)..])) ? basis.LargeObjects : [];
        return lineage with { Touched = [.. lineage.Touched.Union(reached).Union(objects)] };
    }
}
