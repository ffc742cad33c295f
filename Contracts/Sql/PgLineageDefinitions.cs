namespace AccessPlane.Contracts.Sql;

/// <summary>
/// Texts of definitions through what leaves each of them whole: a choice between them, an array of them, double quotes taken off their ends. Then only
/// the literals in them are hidden. Whatever else could cut or join them could turn a literal's inside out.
/// </summary>
public sealed partial class PgLineage
{
    /// <summary>What is looked into here and turns out to be something else is followed once more: so not too often in one text.</summary>
    private const int MostLooks = 64;

    private int looks;

    /// <returns>Null for all else.</returns>
    private PgValue? OfDefinitions(PgNode node, PgLevel scope)
    {
        if (++looks > MostLooks || !Enter())
        {
            return null;
        }
        var found = NameOf(node) switch
        {
            "CaseExpr" => Choice(node, scope),
            "CoalesceExpr" => OneOf([.. Items(node["args"u8]).Select(a => Value(a, scope))]),
            "TypeCast" when Strings(node["typeName"u8]["names"u8]) is ["text"] or ["pg_catalog", "text"] && !node["typeName"u8]["arrayBounds"u8].Exists =>
                OneOf([Value(node["arg"u8], scope)]),
            "FuncCall" when Strings(node["funcname"u8]) is ["array_agg"] or ["pg_catalog", "array_agg"] && !node["over"u8].Exists && Items(node["args"u8]) is [var only] =>
                Aggregate(node, Value(only, scope), scope),
            "FuncCall" when Strings(node["funcname"u8]) is ["pg_catalog", "btrim"] && Items(node["args"u8]) is [var text, var ends] &&
                ends["A_Const"u8]["sval"u8]["sval"u8].Text == "\"" && Value(text, scope) is var whole && IsDefinition(whole) =>
                new PgValue(null, whole.Sources.Add(Lineage.Trimmed), true),
            _ => null,
        };
        depth--;
        return found;
    }

    private static PgValue? OneOf(List<PgValue> values) =>
        values.Exists(v => v.Sources.Contains(Lineage.Definition)) && values.TrueForAll(v => v.Sources.IsEmpty || IsDefinition(v))
            ? new PgValue(null, PgValue.None.Add(Lineage.Definition), true)
            : null;

    private static bool IsDefinition(PgValue value) => value.Verbatim && value.Sources.Count == 1 && value.Sources.Contains(Lineage.Definition);

    private PgValue? Choice(PgNode node, PgLevel scope)
    {
        var cases = Items(node["args"u8]).ConvertAll(a => a["CaseWhen"u8]);
        List<PgValue> results = [.. cases.Select(c => Value(c["result"u8], scope))];
        if (node["defresult"u8].Exists)
        {
            results.Add(Value(node["defresult"u8], scope));
        }
        if (OneOf(results) is not { } one)
        {
            return null;
        }
        var asked = Walk(node["arg"u8], scope).Sources;
        foreach (var when in cases)
        {
            asked = asked.Union(Walk(when["expr"u8], scope).Sources);
        }
        Infers(asked);
        return asked.IsSubsetOf(one.Sources) ? one : new PgValue(null, one.Sources.Union(asked), false);
    }

    private PgValue? Aggregate(PgNode call, PgValue of, PgLevel scope)
    {
        if (!IsDefinition(of))
        {
            return null;
        }
        Infers(Walk(call["agg_order"u8], scope).Sources.Union(Walk(call["agg_filter"u8], scope).Sources));
        return of with { Name = null };
    }
}
