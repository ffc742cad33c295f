namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>The statement that makes a view. Columns are listed, so that one that is added later is not in it.</summary>
internal static class MaskViewSql
{
    public static string Create(string schema, GroundRelation relation, IReadOnlyList<GroundColumn> columns, MaskedSet masked)
    {
        var list = columns.Select(c => masked.Of(relation.Oid, c.Number) is { } with
            ? $"{MaskExpression.Of(c, with)} as {MaskSql.Name(c.Name)}"
            : MaskSql.Name(c.Name));
        return $"create view {MaskSql.Name(schema, relation.Name)} with (security_barrier) as select\n  {string.Join(",\n  ", list)}\nfrom {relation.Sql}";
    }
}
