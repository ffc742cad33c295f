namespace AccessPlane.Contracts.Sql;

/// <summary>Parts of statements that have no node's name of their own: where in the statement what is below them stands.</summary>
internal static class PgClauses
{
    public static PgPlace? Enter(PgWalk walk, ReadOnlySpan<byte> name, PgNode node, in PgPlace here)
    {
        if (node.IsObject)
        {
            return Part(walk, name, node, here);
        }
        switch (name)
        {
            case var _ when name.SequenceEqual("returningList"u8):
                return here with { Places = PgPlaces.Output };
            case var _ when name.SequenceEqual("groupClause"u8) || name.SequenceEqual("distinctClause"u8) || name.SequenceEqual("partitionClause"u8):
                return here with { Places = PgPlaces.Grouping, Target = null };
            case var _ when name.SequenceEqual("sortClause"u8) || name.SequenceEqual("orderClause"u8) || name.SequenceEqual("agg_order"u8):
                return here with { Places = PgPlaces.Ordering };
            case var _ when name.SequenceEqual("usingClause"u8) && here.Events == PgEvents.Select:
                Using(walk, node, here);
                return here;
            case var _ when name.SequenceEqual("lockingClause"u8):
                return null; // names of sources, not of relations
            case var _ when name.SequenceEqual("fromClause"u8):
                return here with { Places = PgPlaces.None, Target = null, Derived = null };
            default:
                return here;
        }
    }

    private static PgPlace? Part(PgWalk walk, ReadOnlySpan<byte> name, PgNode node, in PgPlace here)
    {
        if (name.SequenceEqual("whereClause"u8) || name.SequenceEqual("havingClause"u8) || name.SequenceEqual("quals"u8) ||
            name.SequenceEqual("joinCondition"u8) || name.SequenceEqual("condition"u8) || name.SequenceEqual("agg_filter"u8) ||
            name.SequenceEqual("limitCount"u8) || name.SequenceEqual("limitOffset"u8))
        {
            return here with { Places = PgPlaces.Predicate, Target = null };
        }
        if (name.SequenceEqual("testexpr"u8))
        {
            return here with { Places = here.Places | PgPlaces.Predicate };
        }
        if ((name.SequenceEqual("larg"u8) || name.SequenceEqual("rarg"u8)) && node["op"u8].Exists)
        {
            return PgStatements.Select(walk, node, here, isArm: true);
        }
        if (name.SequenceEqual("withClause"u8))
        {
            here.Scope.IsRecursive = node["recursive"u8].IsTrue;
            return here;
        }
        if (name.SequenceEqual("intoClause"u8) || name.SequenceEqual("into"u8))
        {
            if (!here.IsPlanned)
            {
                walk.Found.Kinds.Add("create");
            }
            return here with { Events = PgEvents.None };
        }
        if (name.SequenceEqual("onConflictClause"u8))
        {
            return OnConflict(walk, node, here);
        }
        if (name.SequenceEqual("action"u8) && node["objtype"u8].Exists)
        {
            walk.Found.Kinds.Add(node["is_grant"u8].IsTrue ? "grant" : "revoke"); // of ALTER DEFAULT PRIVILEGES: a GRANT without its node's name
            return here;
        }
        if (name.SequenceEqual("funccall"u8))
        {
            return PgExpressions.Procedure(walk, node, here); // of CALL: without its node's name
        }
        if (name.SequenceEqual("func"u8) && node["funcname"u8].Exists)
        {
            return PgExpressions.Enter(walk, "FuncCall", node, here);
        }
        if (name.SequenceEqual("typeName"u8) || name.SequenceEqual("returnType"u8) || name.SequenceEqual("argType"u8))
        {
            PgExpressions.Type(walk, node);
            return here;
        }
        if (node["relname"u8].Exists)
        {
            if (here.Events != PgEvents.Select) // the target of INSERT, UPDATE, DELETE, MERGE and COPY has been seen
            {
                walk.Columns.Source(node, here.Scope, here.Events, reads: false);
            }
            return null;
        }
        return here;
    }

    private static PgPlace OnConflict(PgWalk walk, PgNode node, in PgPlace here)
    {
        if (node["action"u8].Text != "ONCONFLICT_UPDATE")
        {
            return here with { Places = PgPlaces.Predicate };
        }
        if (!here.IsPlanned)
        {
            walk.Found.Kinds.Add("update");
        }
        walk.Columns.Also(here.Scope, PgEvents.Update);
        return here with { Places = PgPlaces.Expression };
    }

    private static void Using(PgWalk walk, PgNode node, in PgPlace here)
    {
        foreach (var column in node.Below)
        {
            if (column["String"u8]["sval"u8].Text is { } name)
            {
                walk.Columns.Refer(new PgReference(here.Scope, null, null, name), here with { Places = PgPlaces.Predicate, Target = null });
            }
        }
    }
}
