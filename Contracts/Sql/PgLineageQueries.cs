using System.Collections.Immutable;

namespace AccessPlane.Contracts.Sql;

/// <summary>Queries: SELECT, VALUES, set operations, and what stands in FROM.</summary>
public sealed partial class PgLineage
{
    private PgRows Query(PgNode select, PgLevel? outer)
    {
        if (!Enter())
        {
            return new PgRows(null, PgValue.None);
        }
        var scope = new PgLevel(outer);
        With(select["withClause"u8], scope);
        var rows = select["op"u8].Text is null or "SETOP_NONE" ? Plain(select, scope) : SetOperation(select, scope);
        if (select["intoClause"u8].Exists)
        {
            indirect ??= "select into";
            Stores(rows.All);
        }
        depth--;
        return rows;
    }

    private PgRows Plain(PgNode select, PgLevel scope)
    {
        if (select["valuesLists"u8].Exists)
        {
            return Sorted(select, Values(select["valuesLists"u8], scope), scope);
        }
        foreach (var from in select["fromClause"u8].Below)
        {
            Join(scope, From(from, scope));
        }
        var rows = Targets(select["targetList"u8], scope);
        Condition(select["whereClause"u8], scope);
        Condition(select["havingClause"u8], scope);
        foreach (var window in select["windowClause"u8].Below)
        {
            Infers(Walk(window, scope).Sources);
        }
        Keys(select["groupClause"u8], rows, scope);
        foreach (var distinct in select["distinctClause"u8].Below)
        {
            if (Only(distinct).Exists)
            {
                Key(distinct, rows, scope);
            }
            else
            {
                Infers(rows.All);
            }
        }
        return Sorted(select, rows, scope);
    }

    private PgRows Sorted(PgNode select, PgRows rows, PgLevel scope)
    {
        foreach (var sort in select["sortClause"u8].Below)
        {
            Key(sort["SortBy"u8]["node"u8], rows, scope);
        }
        Condition(select["limitCount"u8], scope);
        Condition(select["limitOffset"u8], scope);
        return rows;
    }

    private PgRows Values(PgNode lists, PgLevel scope)
    {
        var columns = new List<PgValue>();
        foreach (var list in lists.Below)
        {
            var i = 0;
            foreach (var item in list["List"u8]["items"u8].Below)
            {
                var value = Value(item, scope);
                if (i == columns.Count)
                {
                    columns.Add(value with { Name = $"column{i + 1}" });
                }
                else
                {
                    columns[i] = new PgValue(columns[i].Name, columns[i].Sources.Union(value.Sources), false);
                }
                i++;
            }
        }
        return PgRows.Of(columns);
    }

    /// <summary>Chains of set operations lean to the left and may be long: they are followed without recursion.</summary>
    private PgRows SetOperation(PgNode select, PgLevel scope)
    {
        var arms = new Stack<PgNode>();
        var compares = false;
        var left = select;
        while (left["op"u8].Text is not (null or "SETOP_NONE"))
        {
            compares |= left["op"u8].Text != "SETOP_UNION" || !left["all"u8].IsTrue;
            arms.Push(left["rarg"u8]);
            left = left["larg"u8];
            if (left["withClause"u8].Exists || left["sortClause"u8].Exists || left["limitCount"u8].Exists || left["limitOffset"u8].Exists)
            {
                break; // in brackets: a query of its own
            }
        }
        var rows = Query(left, scope);
        while (arms.TryPop(out var arm))
        {
            rows = Both(rows, Query(arm, scope));
        }
        if (compares)
        {
            Infers(rows.All);
        }
        return Sorted(select, rows, scope);
    }

    private static PgRows Both(PgRows one, PgRows two) => one.Columns is null || two.Columns is null || one.Columns.Count != two.Columns.Count
        ? new PgRows(null, one.All.Union(two.All))
        : PgRows.Of([.. one.Columns.Select((c, i) => (OneOf([c, two.Columns[i]]) ?? new PgValue(null, c.Sources.Union(two.Columns[i].Sources), false)) with { Name = c.Name })]);

    private static void Join(PgLevel scope, PgLevel from)
    {
        scope.Items.AddRange(from.Items);
        scope.Visible = scope.Visible is null || from.Visible is null ? null : [.. scope.Visible, .. from.Visible];
    }

    private static PgLevel Single(PgItem item, PgLevel outer)
    {
        var scope = new PgLevel(outer);
        scope.Items.Add(item);
        scope.Visible = item.Rows.Columns?.ToList();
        return scope;
    }

    /// <param name="scope">What stands before it, for what may refer to that.</param>
    /// <returns>Its items as a level of their own.</returns>
    private PgLevel From(PgNode wrapped, PgLevel scope)
    {
        var node = Only(wrapped);
        var alias = node["alias"u8]["aliasname"u8].Text ?? "";
        var names = Strings(node["alias"u8]["colnames"u8]);
        switch (NameOf(node))
        {
            case "RangeVar":
                return Single(Relation(node, scope), scope);
            case "RangeSubselect":
                var before = node["lateral"u8].IsTrue ? scope : scope.WithoutItems();
                return Single(new PgItem(alias, Body(Only(node["subquery"u8]), before).Named(names)), scope);
            case "JoinExpr":
                return JoinOf(node, scope);
            case "RangeFunction":
                return Single(new PgItem(FunctionAlias(node, alias), Function(node, scope).Named(names)), scope);
            case "RangeTableSample":
                foreach (var argument in node["args"u8].Below)
                {
                    Condition(argument, scope);
                }
                Condition(node["repeatable"u8], scope);
                if (Strings(node["method"u8]) is not ["bernoulli" or "system"])
                {
                    Fail("the sampling method is not known here");
                }
                return From(node["relation"u8], scope);
            case "RangeTableFunc":
                var all = Walk(node, scope).Sources;
                Infers(all);
                var columns = Items(node["columns"u8]).ConvertAll(c => new PgValue(c["RangeTableFuncCol"u8]["colname"u8].Text, all, false));
                return Single(new PgItem(alias, PgRows.Of(columns).Named(names)), scope);
            default:
                Fail($"`{NameOf(node)}` in from is not followed");
                return new PgLevel(scope);
        }
    }

    private static string FunctionAlias(PgNode node, string alias)
    {
        if (alias.Length > 0)
        {
            return alias;
        }
        foreach (var function in node["functions"u8].Below)
        {
            foreach (var part in function["List"u8]["items"u8].Below)
            {
                return Strings(part["FuncCall"u8]["funcname"u8]).LastOrDefault() ?? "";
            }
        }
        return "";
    }

    private PgRows Function(PgNode node, PgLevel scope)
    {
        var sources = Walk(node["functions"u8], scope).Sources;
        Infers(sources);
        var defined = Items(node["coldeflist"u8]).ConvertAll(c => new PgValue(c["ColumnDef"u8]["colname"u8].Text, sources, false));
        return defined.Count > 0 && !node["ordinality"u8].IsTrue && !node["is_rowsfrom"u8].IsTrue ? PgRows.Of(defined) : new PgRows(null, sources);
    }

    private PgLevel JoinOf(PgNode join, PgLevel scope)
    {
        if (!Enter())
        {
            return new PgLevel(scope);
        }
        var left = From(join["larg"u8], scope);
        var sofar = new PgLevel(scope);
        Join(sofar, left);
        var right = From(join["rarg"u8], sofar);
        var both = new PgLevel(scope);
        Join(both, left);
        Join(both, right);
        if (join["isNatural"u8].IsTrue)
        {
            if (left.Visible is null || right.Visible is null)
            {
                Fail("a natural join of what is not known is not followed");
            }
            else
            {
                Merge(both, left, right, [.. left.Visible.Select(c => c.Name).OfType<string>().Where(n => right.Visible.Exists(r => r.Name == n))]);
            }
        }
        else if (join["usingClause"u8].Exists)
        {
            Merge(both, left, right, Strings(join["usingClause"u8]));
        }
        Condition(join["quals"u8], both);
        depth--;
        if (join["alias"u8]["aliasname"u8].Text is not { } alias)
        {
            return both;
        }
        var rows = both.Visible is null ? new PgRows(null, both.Items.Aggregate(PgValue.None, (all, i) => all.Union(i.Rows.All))) : PgRows.Of(both.Visible);
        return Single(new PgItem(alias, rows.Named(Strings(join["alias"u8]["colnames"u8]))), scope);
    }

    private void Merge(PgLevel both, PgLevel left, PgLevel right, List<string> names)
    {
        var merged = new List<PgValue>();
        foreach (var name in names)
        {
            var (one, two) = (Side(left, name), Side(right, name));
            Infers(one.Union(two));
            merged.Add(new PgValue(name, one.Union(two), false));
        }
        both.Visible = left.Visible is null || right.Visible is null
            ? null
            : [.. merged, .. left.Visible.Where(c => !names.Contains(c.Name!)), .. right.Visible.Where(c => !names.Contains(c.Name!))];

        static ImmutableHashSet<string> Side(PgLevel side, string name) =>
            side.Visible is { } visible && PgLevel.In(visible, name) is { } found
                ? found.Sources
                : side.Items.Aggregate(PgValue.None, (all, i) => all.Union(i.Rows.All));
    }
}
