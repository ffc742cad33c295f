namespace AccessPlane.Contracts.Sql;

/// <summary>What a statement's node tells: its kind, the scope it opens, and what it does to the relation it is about.</summary>
internal static class PgStatements
{
    public static PgPlace? Enter(PgWalk walk, string type, PgNode node, in PgPlace here)
    {
        if (type == "VariableSetStmt" && !walk.IsOutermost)
        {
            return null; // a clause of another statement, a function's: it sets nothing now
        }
        Classify(walk, type, node, here);
        switch (type)
        {
            case "SelectStmt":
                return Select(walk, node, here);
            case "ExplainStmt":
                return here with { IsPlanned = here.IsPlanned || !PgTopLevel.IsOn(node, "analyze") };
            case "InsertStmt":
                return Change(walk, node, here, PgEvents.Insert, node["returningList"u8].Exists || node["onConflictClause"u8].Exists);
            case "UpdateStmt":
                Bound(walk, node, here);
                return Change(walk, node, here, PgEvents.Update, Reads(node));
            case "DeleteStmt":
                Bound(walk, node, here);
                return Change(walk, node, here, PgEvents.Delete, Reads(node));
            case "MergeStmt":
                return Merge(walk, node, here);
            case "CopyStmt":
                return Copy(walk, node, here);
            case "TruncateStmt":
                walk.Found.Unbounded |= !here.IsPlanned;
                return Other(here, PgEvents.Truncate | (node["behavior"u8].Text == "DROP_CASCADE" ? PgEvents.Cascade : PgEvents.None));
            case "DoStmt":
                Do(walk, node);
                return null;
            case "DropStmt":
                Drop(walk, node);
                return null;
            case "ExecuteStmt":
                walk.Found.Names.Add(new NameUse(NameAction.Execute, node["name"u8].Text));
                return Other(here, PgEvents.Select);
            case "FetchStmt":
                walk.Found.Names.Add(new NameUse(NameAction.Fetch, node["portalname"u8].Text));
                return null;
            case "DeclareCursorStmt" or "PrepareStmt" or "CreateTableAsStmt" or "ViewStmt" or "CallStmt" or "ReturnStmt":
                return here with { Scope = new PgScope(here.Scope), Places = PgPlaces.None, Events = PgEvents.None };
            default:
                return Other(here, PgEvents.None);
        }
    }

    private static void Classify(PgWalk walk, string type, PgNode node, in PgPlace here)
    {
        var found = walk.Found;
        if (type == "ExplainStmt")
        {
            found.Kinds.Add("explain");
        }
        else if (!PgNodes.Kinds.TryGetValue(type, out var kind))
        {
            found.DoNotUnderstand($"`{type}` is no statement that is known here");
        }
        else if (!here.IsPlanned)
        {
            if (kind.Length > 0)
            {
                found.Kinds.Add(kind);
            }
            MoreKinds(found, type, node);
            if (kind is "create" or "alter" or "drop" or "grant" or "comment" || type is "GrantStmt" or "GrantRoleStmt")
            {
                found.Hide(walk.Catalog.OpaqueChanges);
            }
            // a temporary table hides another: what is judged by the other's name is judged no less
            var changes = kind is "create" or "alter" or "drop" or "import" or "reassign" or "load" &&
                !(type == "CreateStmt" && node["relation"u8]["relpersistence"u8].Text == "t") &&
                !(type == "CreateTableAsStmt" && node["into"u8]["rel"u8]["relpersistence"u8].Text == "t");
            found.ChangesSchema |= changes;
            found.Redefines |= changes && PgChanges.Redefines(type, node);
        }
    }

    private static void MoreKinds(PgFindings found, string type, PgNode node)
    {
        switch (type)
        {
            case "CopyStmt":
                found.Kinds.Add(node["is_from"u8].IsTrue ? "copy-from" : "copy-to");
                break;
            case "VacuumStmt":
                found.Kinds.Add(node["is_vacuumcmd"u8].IsTrue ? "vacuum" : "analyze");
                if (PgTopLevel.IsOn(node, "analyze"))
                {
                    found.Kinds.Add("analyze");
                }
                break;
            case "GrantStmt" or "GrantRoleStmt":
                found.Kinds.Add(node["is_grant"u8].IsTrue ? "grant" : "revoke");
                break;
            case "AlterDefaultPrivilegesStmt":
                found.Kinds.Add("alter");
                break;
        }
    }

    public static PgPlace Select(PgWalk walk, PgNode node, in PgPlace here, bool isArm = false)
    {
        var scope = new PgScope(here.Scope);
        if (isArm)
        {
            scope.Whole = here.Scope.Whole ??= new PgDerived("");
            scope.Whole.Arms.Add(scope);
        }
        here.Derived?.Arms.Add(scope);
        return new PgPlace(
            scope, here.Places == PgPlaces.None ? PgPlaces.Output : here.Places, PgEvents.Select, here.IsPlanned, here.Target, here.Derived);
    }

    private static bool Reads(PgNode node) => node["whereClause"u8].Exists || node["returningList"u8].Exists;

    private static PgPlace Change(PgWalk walk, PgNode node, in PgPlace here, PgEvents events, bool reads)
    {
        var scope = new PgScope(here.Scope);
        here.Derived?.Arms.Add(scope);
        var relation = node["relation"u8];
        var target = walk.Columns.Source(relation, scope, here.IsPlanned ? PgEvents.Select : events, reads);
        if (relation["relname"u8].Text == "pg_settings" && relation["schemaname"u8].Text is null or "pg_catalog" && events == PgEvents.Update)
        {
            walk.Found.Refuse("settings are not changed by updating `pg_settings`: use `set`");
        }
        scope.Written = target;
        walk.Found.Writes += here.IsPlanned ? 0 : 1;
        if (events == PgEvents.Insert && !node["cols"u8].Exists)
        {
            walk.Columns.Assign(target, null);
        }
        return new PgPlace(scope, PgPlaces.Expression, PgEvents.Select, here.IsPlanned);
    }

    private static void Bound(PgWalk walk, PgNode node, in PgPlace here)
    {
        if (!here.IsPlanned && !new PgTruth(walk.Catalog, node).IsBounded(node["whereClause"u8]))
        {
            walk.Found.Unbounded = true;
        }
    }

    private static PgPlace Merge(PgWalk walk, PgNode node, in PgPlace here)
    {
        var events = PgEvents.None;
        foreach (var clause in node["mergeWhenClauses"u8].Below)
        {
            events |= clause["MergeWhenClause"u8]["commandType"u8].Text switch
            {
                "CMD_INSERT" => PgEvents.Insert,
                "CMD_UPDATE" => PgEvents.Update,
                "CMD_DELETE" => PgEvents.Delete,
                _ => PgEvents.None,
            };
        }
        var changes = (events & (PgEvents.Update | PgEvents.Delete)) != 0;
        if (changes && !here.IsPlanned && !new PgTruth(walk.Catalog, node).IsBounded(node["joinCondition"u8]))
        {
            walk.Found.Unbounded = true;
        }
        return Change(walk, node, here, events, reads: true);
    }

    private static PgPlace Copy(PgWalk walk, PgNode node, in PgPlace here)
    {
        var scope = new PgScope(here.Scope);
        var place = new PgPlace(scope, PgPlaces.None, PgEvents.Select, here.IsPlanned);
        var relation = node["relation"u8];
        if (!relation.Exists)
        {
            return place;
        }
        var isFrom = node["is_from"u8].IsTrue;
        var source = walk.Columns.Source(relation, scope, isFrom ? PgEvents.Insert : PgEvents.Select, reads: !isFrom);
        var listed = PgTree.Texts(node["attlist"u8]);
        foreach (var column in listed ?? [null!])
        {
            if (isFrom)
            {
                walk.Columns.Assign(source, column);
            }
            else
            {
                walk.Columns.Refer(new PgReference(scope, null, source.Alias, column), place with { Places = PgPlaces.Output });
            }
        }
        return place;
    }

    private static void Do(PgWalk walk, PgNode node)
    {
        var (language, body) = ("plpgsql", "");
        foreach (var argument in node["args"u8].Below)
        {
            var option = argument["DefElem"u8];
            var text = option["arg"u8]["String"u8]["sval"u8].Text ?? "";
            (language, body) = option["defname"u8].Text == "language" ? (text, body) : (language, text);
        }
        walk.Found.Blocks.Add((language, body));
    }

    private static void Drop(PgWalk walk, PgNode node)
    {
        if (node["behavior"u8].Text == "DROP_CASCADE")
        {
            walk.Found.Hide("it also drops what depends on these");
        }
        if (node["removeType"u8].Text is not ("OBJECT_TABLE" or "OBJECT_VIEW" or "OBJECT_MATVIEW" or "OBJECT_FOREIGN_TABLE" or "OBJECT_SEQUENCE" or "OBJECT_INDEX"))
        {
            return;
        }
        foreach (var item in node["objects"u8].Below)
        {
            var (schema, name) = PgTree.Qualified(item["List"u8]["items"u8]);
            walk.Columns.Touch(schema, name, PgEvents.None);
        }
    }

    /// <summary>All that changes the schema, or something else than rows: relations that are named in it are written.</summary>
    private static PgPlace Other(in PgPlace here, PgEvents events) =>
        here with { Scope = new PgScope(here.Scope), Places = PgPlaces.Expression, Events = events, Target = null, Derived = null };
}
