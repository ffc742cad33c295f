using System.Collections.Frozen;
using System.Collections.Immutable;

namespace AccessPlane.Contracts.Sql;

/// <summary>Expressions: which columns they depend on, and whether they can show more of them than their value.</summary>
public sealed partial class PgLineage
{
    /// <summary>Nodes that only combine what is below them. What is in neither list is not followed.</summary>
    private static readonly FrozenSet<string> Combining = FrozenSet.Create(StringComparer.Ordinal,
        "A_Const", "ParamRef", "CollateClause", "BoolExpr", "NullTest", "BooleanTest", "CaseExpr", "CaseWhen", "MinMaxExpr", "RowExpr", "A_ArrayExpr",
        "A_Indirection", "A_Indices", "A_Star", "SQLValueFunction", "XmlExpr", "XmlSerialize", "GroupingFunc", "GroupingSet", "SortBy", "WindowDef",
        "NamedArgExpr", "List", "String", "TypeName", "ResTarget", "Integer", "Float", "Boolean", "BitString", "SetToDefault", "CurrentOfExpr",
        "MultiAssignRef", "RangeTableFuncCol", "ColumnDef", "IndexElem", "TypeCast", "CoalesceExpr", "A_Expr", "FuncCall", "DefElem");

    private void Condition(PgNode expression, PgLevel scope)
    {
        if (expression.Exists)
        {
            Infers(Value(expression, scope).Sources);
        }
    }

    /// <summary>An expression in its wrapper.</summary>
    private PgValue Value(PgNode wrapped, PgLevel scope)
    {
        var node = Only(wrapped);
        switch (NameOf(node))
        {
            case "ColumnRef":
                return Column(Strings(node["fields"u8]), scope);
            case "A_Indirection" when Items(node["indirection"u8]).TrueForAll(i => i["String"u8].Exists) && Strings(node["indirection"u8]) is [var field] &&
                Strings(node["arg"u8]["ColumnRef"u8]["fields"u8]) is [var alias] && scope.Item(alias) is { } item && scope.Find(alias) is { } row &&
                row.Sources.SetEquals(item.Rows.All):
                return Column([alias, field], scope);
            case "SubLink" when node["subLinkType"u8].Text == "EXPR_SUBLINK":
                var rows = Query(Only(node["subselect"u8]), scope);
                Uses(rows.All);
                return rows.Columns is [var single] ? single : new PgValue(null, rows.All, false);
            case "SubLink" when node["subLinkType"u8].Text == "ARRAY_SUBLINK":
                var listed = Query(Only(node["subselect"u8]), scope);
                Uses(listed.All);
                return new PgValue(null, listed.All, listed.Columns is [var element] && IsDefinition(element));
            case "CaseExpr" or "CoalesceExpr" or "TypeCast" or "FuncCall" when OfDefinitions(node, scope) is { } definition:
                return definition;
            case "FuncCall" when Strings(node["funcname"u8]) is [.., var function] && PgTrusted.IsDefinition(function):
                var arguments = Walk(wrapped, scope);
                return new PgValue(null, arguments.Sources.Add(Lineage.Definition), arguments.Sources.IsEmpty || arguments.Sources.SetEquals([Lineage.Definition]));
            default:
                var walked = Walk(wrapped, scope);
                if (!walked.Total)
                {
                    Infers(walked.Sources);
                }
                return new PgValue(null, walked.Sources, false);
        }
    }

    private PgValue Column(List<string> fields, PgLevel scope)
    {
        var name = fields[^1];
        var found = fields.Count == 1 ? scope.Find(name) : Qualified(fields[^2], name, scope);
        // a name that the catalog has not: the server refuses it, or it is a column so new that only the policy's patterns can know it
        found ??= new PgValue(name, PgValue.None.Union(scope.Items.Select(i => i.Relation).OfType<string>().Select(r => $"{r}.{name}")), false);
        Uses(found.Sources);
        return found with { Name = name };
    }

    private PgValue? Qualified(string alias, string name, PgLevel scope)
    {
        if (scope.Item(alias) is not { } item)
        {
            Fail($"`{alias}` is not known here");
            return null;
        }
        if (PgLevel.In(item, name) is { } found)
        {
            return found;
        }
        // `t.f` is also a way to write `f(t)`, and `f` may be there by the time that it runs
        if (catalog.FunctionsNamed(null, name).Count > 0)
        {
            Fail($"`{alias}.{name}` may call a function");
        }
        Runs($"`{alias}.{name}` may call a function");
        return item.Relation is null ? null : new PgValue(name, PgValue.None.Add($"{item.Relation}.{name}"), false);
    }

    /// <summary>Everything below a node, however deep, without recursion but for queries in it.</summary>
    /// <returns>What it depends on; total where no value can make it fail.</returns>
    private (ImmutableHashSet<string> Sources, bool Total) Walk(PgNode root, PgLevel scope)
    {
        var sources = PgValue.None;
        var (total, keeps) = (true, false);
        var below = new PgDescent(root);
        while (below.Next(out var node))
        {
            if (node.Name.Length == 0 || !char.IsAsciiLetterUpper((char)node.Name[0]))
            {
                below.Into(node);
                continue;
            }
            var name = NameOf(node);
            switch (name)
            {
                case "ColumnRef":
                    sources = sources.Union(Items(node["fields"u8]).Exists(f => f["A_Star"u8].Exists)
                        ? WholeRow(Strings(node["fields"u8]), scope)
                        : Column(Strings(node["fields"u8]), scope).Sources);
                    continue;
                case "SubLink":
                    var (its, compares) = Sub(node, scope);
                    sources = sources.Union(its);
                    total &= !compares;
                    continue;
                default:
                    if (name == "FuncCall" && Strings(node["funcname"u8]) is [.., var called])
                    {
                        sources = sources.Union(Shown(called));
                        keeps |= PgTrusted.Keeps(called);
                    }
                    total &= Look(name, node);
                    below.Into(node);
                    continue;
            }
        }
        Uses(sources);
        if (keeps)
        {
            Stores(sources);
        }
        return (sources, total);
    }

    /// <summary>What a function shows that is in none of its arguments.</summary>
    private ImmutableHashSet<string> Shown(string function)
    {
        if (PgTrusted.IsDefinition(function))
        {
            return PgValue.None.Add(Lineage.Definition);
        }
        if (!PgTrusted.IsLargeObject(function))
        {
            return PgValue.None;
        }
        touched.UnionWith(basis.LargeObjects);
        return basis.LargeObjects;
    }

    private ImmutableHashSet<string> WholeRow(List<string> names, PgLevel scope) => names.Count == 0
        ? scope.Items.Aggregate(PgValue.None, (all, i) => all.Union(i.Rows.All))
        : scope.Item(names[^1])?.Rows.All ?? Fail($"`{names[^1]}` is not known here").All;

    private (ImmutableHashSet<string> Sources, bool Compares) Sub(PgNode link, PgLevel scope)
    {
        var rows = Query(Only(link["subselect"u8]), scope);
        switch (link["subLinkType"u8].Text)
        {
            case "EXISTS_SUBLINK":
                return (PgValue.None, false);
            case "EXPR_SUBLINK" or "ARRAY_SUBLINK" or "MULTIEXPR_SUBLINK":
                return (rows.All, false);
            default:
                var compared = rows.All.Union(Walk(link["testexpr"u8], scope).Sources);
                Operator(link["operName"u8]);
                return (compared, true);
        }
    }

    /// <returns>Whether it is total.</returns>
    private bool Look(string name, PgNode node)
    {
        switch (name)
        {
            case "FuncCall":
                return Call(node);
            case "A_Expr":
                Operator(node["name"u8]);
                return node["kind"u8].Text == "AEXPR_OP" && Strings(node["name"u8]) is ["||"];
            case "TypeCast":
                Type(Strings(node["typeName"u8]["names"u8]));
                return Strings(node["typeName"u8]["names"u8]) is ["text" or "varchar"] or ["pg_catalog", "text" or "varchar"] && !node["typeName"u8]["arrayBounds"u8].Exists;
            case "A_Const" or "ParamRef" or "CoalesceExpr" or "List" or "String" or "Integer" or "Float" or "Boolean" or "TypeName" or "CollateClause" or "ResTarget":
                return true;
            default:
                if (!Combining.Contains(name))
                {
                    Fail($"`{name}` is not followed");
                }
                return false;
        }
    }

    private bool Call(PgNode call)
    {
        var names = Strings(call["funcname"u8]);
        if (names.Count is 0 or > 2)
        {
            Fail("a function's name is not followed");
            return false;
        }
        if (!PgTrusted.IsKnown(catalog, names.Count == 2 ? names[0] : null, names[^1]))
        {
            unresolved.Add($"{string.Join('.', names)}()"); // or a cast, which looks the same
            Type(names);
            return false;
        }
        if (PgTrusted.WhyNot(catalog, names.Count == 2 ? names[0] : null, names[^1], out var runs) is { } why)
        {
            Fail(why);
        }
        if (runs)
        {
            Runs($"what the function `{names[^1]}` does is not followed");
        }
        return PgTrusted.TotalFunctions.Contains(names[^1]) && !call["over"u8].Exists && !call["agg_filter"u8].Exists && !call["agg_order"u8].Exists;
    }

    private void Operator(PgNode name)
    {
        if (Strings(name) is not [.., var symbol])
        {
            return;
        }
        var added = catalog.Operators.GetValueOrDefault(symbol, []);
        if (added.Any(o => !basis.OnlyComputes(o.Function)))
        {
            Runs($"what the operator `{symbol}` does is not followed");
        }
        else if (added.Count == 0 && !PgTrusted.IsOperator(symbol))
        {
            Fail($"the operator `{symbol}` is not known here");
        }
    }

    /// <summary>Making a value one of a type may run a function: a cast, a domain's check.</summary>
    private void Type(List<string> names)
    {
        if (names.Count > 0 && catalog.Type(names.Count > 1 ? names[^2] : null, names[^1]) is { } type && type.Runs.Any(f => !basis.OnlyComputes(f)))
        {
            Runs($"what making it a `{names[^1]}` does is not followed");
        }
    }
}
