namespace AccessPlane.Contracts.Sql;

/// <summary>Nodes of expressions and of FROM: what they name, and what of it shows.</summary>
internal static class PgExpressions
{
    public static PgPlace? Enter(PgWalk walk, string type, PgNode node, in PgPlace here)
    {
        switch (type)
        {
            case "ColumnRef":
                Column(walk, node, here);
                return null;
            case "ResTarget":
                return Target(walk, node, here);
            case "RangeVar":
                walk.Columns.Source(node, here.Scope, here.Events, reads: false);
                return null;
            case "RangeSubselect":
                return here with { Derived = Derived(node, here), Places = PgPlaces.None, Target = null };
            case "CommonTableExpr":
                return Cte(node, here);
            case "RangeFunction":
                here.Scope.Sources.Add(new PgSource(node["alias"u8]["aliasname"u8].Text ?? ""));
                return here with { Places = PgPlaces.Expression };
            case "JoinExpr":
                Join(walk, node, here);
                return here;
            case "FuncCall":
                Call(walk, node, here);
                break;
            case "A_Expr" or "SubLink":
                walk.Columns.Operator(PgTree.Qualified(node[type == "SubLink" ? "operName"u8 : "name"u8]), here.IsPlanned);
                return SubLink(node, here);
            case "SortBy":
                walk.Columns.Operator(PgTree.Qualified(node["useOp"u8]), here.IsPlanned);
                return Position(walk, node["node"u8], here) ? null : here;
            case "A_Const" when here.Places == PgPlaces.Grouping:
                At(walk, node, here);
                return null;
            case "A_Indirection":
                Indirection(walk, node, here);
                break;
            case "TypeName":
                Type(walk, node);
                return here;
            case "CaseWhen":
                return here with { Places = here.Places | PgPlaces.Predicate };
            case "MergeWhenClause":
                if (!here.IsPlanned)
                {
                    walk.Found.Kinds.Add(node["commandType"u8].Text switch { "CMD_INSERT" => "insert", "CMD_UPDATE" => "update", "CMD_DELETE" => "delete", _ => "merge" });
                }
                return here;
            case "List" or "WindowDef":
                return here;
        }
        // whatever it is, what is below it does not show as it is
        return (here.Places & PgPlaces.Output) != 0 ? here with { Places = here.Places | PgPlaces.Expression } : here;
    }

    private static void Column(PgWalk walk, PgNode node, in PgPlace here)
    {
        string? schema = null, qualifier = null, name = null;
        var parts = 0;
        foreach (var field in node["fields"u8].Below)
        {
            (schema, qualifier, name) = (qualifier, name, field["String"u8]["sval"u8].Text); // `*` has no text
            parts++;
        }
        walk.Columns.Refer(new PgReference(here.Scope, schema, qualifier, name), here);
        if (parts > 1 && name is not null)
        {
            walk.Columns.MayCall(name, here.IsPlanned); // `t.f` is `f(t)` where `t` has no such column
        }
    }

    private static PgPlace Target(PgWalk walk, PgNode node, in PgPlace here)
    {
        if (here.Scope.Written is { } written && here.Places == PgPlaces.Expression)
        {
            walk.Columns.Assign(written, node["name"u8].Text);
            return here;
        }
        var target = new PgTarget(node["name"u8].Text ?? Inferred(node["val"u8]));
        here.Scope.Targets.Add(target);
        return here with { Target = target, Derived = null };
    }

    /// <summary>The name that PostgreSQL gives a column that has none of its own.</summary>
    private static string Inferred(PgNode value)
    {
        for (var depth = 0; depth < 100; depth++) // `x::a::b` is named after x
        {
            if (value["TypeCast"u8] is { Exists: true } cast)
            {
                value = cast["arg"u8];
                continue;
            }
            if (value["ColumnRef"u8] is { Exists: true } column)
            {
                return PgTree.Qualified(column["fields"u8]).Name;
            }
            if (value["FuncCall"u8] is { Exists: true } call)
            {
                return PgTree.Qualified(call["funcname"u8]).Name;
            }
            break;
        }
        return value["CoalesceExpr"u8].Exists ? "coalesce" : value["CaseExpr"u8].Exists ? "case" : "";
    }

    private static PgDerived Derived(PgNode node, in PgPlace here)
    {
        var alias = node["alias"u8];
        var derived = new PgDerived("") { Renamed = PgTree.Texts(alias["colnames"u8]) };
        here.Scope.Sources.Add(new PgSource(alias["aliasname"u8].Text ?? "") { Derived = derived });
        return derived;
    }

    private static PgPlace Cte(PgNode node, in PgPlace here)
    {
        var derived = new PgDerived(node["ctename"u8].Text ?? "") { Renamed = PgTree.Texts(node["aliascolnames"u8]) };
        var scope = new PgScope(here.Scope, here.Scope.Ctes.Count);
        here.Scope.Ctes.Add(derived);
        return new PgPlace(scope, PgPlaces.None, PgEvents.Select, here.IsPlanned, null, derived);
    }

    private static void Join(PgWalk walk, PgNode node, in PgPlace here)
    {
        if (node["alias"u8]["aliasname"u8].Text is { } name)
        {
            here.Scope.JoinNames.Add(name);
        }
        if (node["join_using_alias"u8]["aliasname"u8].Text is { } second)
        {
            here.Scope.JoinNames.Add(second);
        }
        if (node["isNatural"u8].IsTrue)
        {
            walk.Columns.Refer(new PgReference(here.Scope, null, null, null), here with { Places = PgPlaces.Predicate, Target = null });
        }
    }

    private static void Call(PgWalk walk, PgNode node, in PgPlace here)
    {
        PgTopLevel.LookAtCall(node, walk.Found);
        var arguments = 0;
        foreach (var argument in node["args"u8].Below)
        {
            arguments++;
        }
        var isVariadic = node["func_variadic"u8].IsTrue;
        walk.Columns.Call(PgTree.Qualified(node["funcname"u8]), isVariadic ? null : arguments, here.IsPlanned);
    }

    /// <summary>CALL gives values for what comes out, too: how many are taken for a candidate is not counted.</summary>
    public static PgPlace Procedure(PgWalk walk, PgNode node, in PgPlace here)
    {
        walk.Columns.Call(PgTree.Qualified(node["funcname"u8]), null, here.IsPlanned);
        return here with { Places = PgPlaces.Expression };
    }

    private static PgPlace? SubLink(PgNode node, in PgPlace here)
    {
        var places = here.Places;
        if (node["subLinkType"u8].Text == "EXISTS_SUBLINK")
        {
            places = PgPlaces.Expression; // whether there are rows shows, not what is in them
        }
        else if ((places & PgPlaces.Output) != 0)
        {
            places |= PgPlaces.Expression;
        }
        return here with { Places = places, Derived = null };
    }

    /// <summary>`(row).column`, `(row).*`, and `(value).function`.</summary>
    private static void Indirection(PgWalk walk, PgNode node, in PgPlace here)
    {
        foreach (var step in node["indirection"u8].Below)
        {
            if (step["String"u8]["sval"u8].Text is { } name)
            {
                walk.Columns.MayCall(name, here.IsPlanned);
            }
        }
    }

    /// <summary>`ORDER BY 2` orders by the second column of the list.</summary>
    private static bool Position(PgWalk walk, PgNode value, in PgPlace here)
    {
        if (value["A_Const"u8] is not { Exists: true } constant)
        {
            return false;
        }
        At(walk, constant, here);
        return true;
    }

    private static void At(PgWalk walk, PgNode constant, in PgPlace here)
    {
        if (constant["ival"u8]["ival"u8].Number is var position and > 0)
        {
            walk.Columns.Position(here.Scope, position, here.Places);
        }
    }

    public static void Type(PgWalk walk, PgNode node)
    {
        var (schema, name) = PgTree.Qualified(node["names"u8]);
        walk.Columns.Type(schema, name);
    }
}
