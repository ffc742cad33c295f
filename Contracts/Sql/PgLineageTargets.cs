namespace AccessPlane.Contracts.Sql;

/// <summary>The columns of a result, what `*` stands for, and what refers to them: GROUP BY and ORDER BY.</summary>
public sealed partial class PgLineage
{
    private PgRows Targets(PgNode list, PgLevel scope)
    {
        var columns = new List<PgValue>();
        var (known, rest) = (true, PgValue.None);
        foreach (var item in list.Below)
        {
            var target = item["ResTarget"u8];
            var value = target["val"u8];
            if (Stars(value, scope) is not { } many)
            {
                var one = Value(value, scope);
                columns.Add(target["name"u8].Text is { } name ? one with { Name = name } : one);
            }
            else if (many.Columns is { } each)
            {
                columns.AddRange(each);
            }
            else
            {
                (known, rest) = (false, rest.Union(many.All));
            }
        }
        return known ? PgRows.Of(columns) : new PgRows(null, rest.Union(PgRows.Union(columns)));
    }

    /// <summary>`*`, `t.*` and `(expression).*`; null for all else.</summary>
    private PgRows? Stars(PgNode value, PgLevel scope)
    {
        if (value["A_Indirection"u8] is { Exists: true } indirection)
        {
            if (!Items(indirection["indirection"u8]).Exists(i => i["A_Star"u8].Exists))
            {
                return null;
            }
            var alias = Strings(indirection["arg"u8]["ColumnRef"u8]["fields"u8]);
            if (alias is [var only] && scope.Find(only) is { } row && scope.Item(only) is { } whole && row.Sources.SetEquals(whole.Rows.All) && Items(indirection["indirection"u8]).Count == 1)
            {
                return Expand(whole.Rows);
            }
            var sources = Value(value, scope).Sources;
            Infers(sources);
            return new PgRows(null, sources);
        }
        var fields = value["ColumnRef"u8]["fields"u8];
        if (!Items(fields).Exists(f => f["A_Star"u8].Exists))
        {
            return null;
        }
        var names = Strings(fields);
        if (names.Count == 0)
        {
            var every = scope.Visible is { } visible ? PgRows.Of(visible) : new PgRows(null, scope.Items.Aggregate(PgValue.None, (all, i) => all.Union(i.Rows.All)));
            return Expand(every);
        }
        if (scope.Item(names[^1]) is { } item)
        {
            return Expand(item.Rows);
        }
        return Fail($"`{names[^1]}` is not known here");
    }

    private PgRows Expand(PgRows rows)
    {
        Uses(rows.All);
        return rows;
    }

    private void Keys(PgNode list, PgRows rows, PgLevel scope)
    {
        foreach (var key in list.Below)
        {
            if (key["GroupingSet"u8] is { Exists: true } set)
            {
                Infers(rows.All); // its positions and names may mean any of them
                Infers(Walk(set, scope).Sources);
            }
            else
            {
                Key(key, rows, scope);
            }
        }
    }

    /// <summary>What rows are sorted or grouped by: an expression, or the position or the name of a column of the result.</summary>
    private void Key(PgNode key, PgRows rows, PgLevel scope)
    {
        if (key["A_Const"u8].Exists)
        {
            var at = key["A_Const"u8]["ival"u8]["ival"u8].Number;
            Infers(rows.Columns is { } columns && at >= 1 && at <= columns.Count ? columns[at - 1].Sources : rows.All);
            return;
        }
        if (Strings(key["ColumnRef"u8]["fields"u8]) is [var name])
        {
            Infers(rows.Columns is null ? rows.All : PgLevel.In(rows.Columns, name)?.Sources ?? PgRows.Union(rows.Columns.Where(c => c.Name is null)));
        }
        Condition(key, scope);
    }
}
