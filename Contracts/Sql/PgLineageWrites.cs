namespace AccessPlane.Contracts.Sql;

/// <summary>INSERT, UPDATE, DELETE and MERGE: what they store, what decides on it, and what RETURNING gives back.</summary>
public sealed partial class PgLineage
{
    private readonly HashSet<string> tied = new(StringComparer.Ordinal);

    /// <summary>Some columns of a relation get new values (null for all of them), in rows that are new, or (<paramref name="old"/>) in place of old ones.</summary>
    private void Writes(PgItem target, List<string>? columns, bool old)
    {
        foreach (var column in target.Rows.Columns ?? [])
        {
            if (columns is null || (column.Name is { } name && columns.Contains(name)))
            {
                Ties(column, written: true, old);
            }
        }
    }

    /// <summary>Rows go.</summary>
    private void Deletes(PgItem target)
    {
        foreach (var column in target.Rows.Columns ?? [])
        {
            Ties(column, written: false, old: true);
        }
    }

    private void Ties(PgValue column, bool written, bool old)
    {
        foreach (var deciding in column.Sources.SelectMany(s => basis.Deciding(s, written, old)))
        {
            tied.Add(deciding);
            touched.Add(deciding);
        }
    }

    private static List<string> Named(List<PgNode> targets) => targets.ConvertAll(t => t["ResTarget"u8]["name"u8].Text ?? "");

    private PgRows Write(string kind, PgNode node, PgLevel? outer)
    {
        if (!Enter())
        {
            return new PgRows(null, PgValue.None);
        }
        var scope = new PgLevel(outer);
        With(node["withClause"u8], scope);
        var target = Relation(node["relation"u8], scope, written: true);
        switch (kind)
        {
            case "InsertStmt":
                Insert(node, target, scope);
                break;
            case "UpdateStmt":
                Join(scope, Single(target, scope));
                JoinAll(node["fromClause"u8], scope);
                Assign(node["targetList"u8], scope);
                Writes(target, Named(Items(node["targetList"u8])), old: true);
                Condition(node["whereClause"u8], scope);
                break;
            case "DeleteStmt":
                Deletes(target);
                Join(scope, Single(target, scope));
                JoinAll(node["usingClause"u8], scope);
                Condition(node["whereClause"u8], scope);
                break;
            case "MergeStmt":
                Merge(node, target, scope);
                break;
            default:
                Fail($"`{kind}` is not followed");
                break;
        }
        var rows = node["returningList"u8].Exists ? Targets(node["returningList"u8], scope) : PgRows.Empty;
        depth--;
        return rows;
    }

    private void JoinAll(PgNode list, PgLevel scope)
    {
        foreach (var from in list.Below)
        {
            Join(scope, From(from, scope));
        }
    }

    private void Insert(PgNode node, PgItem target, PgLevel scope)
    {
        if (node["selectStmt"u8].Exists)
        {
            Stores(Query(Only(node["selectStmt"u8]), scope).All);
            var listed = Items(node["cols"u8]);
            Writes(target, listed.Count == 0 ? null : Named(listed), old: false);
        }
        Join(scope, Single(target, scope));
        var conflict = node["onConflictClause"u8];
        if (!conflict.Exists)
        {
            return;
        }
        // whether a row is there already shows: by the columns that are named, or by any of the relation's keys
        if (conflict["infer"u8]["indexElems"u8].Exists)
        {
            Infers(Walk(conflict["infer"u8], scope).Sources);
            foreach (var element in conflict["infer"u8]["indexElems"u8].Below)
            {
                if (element["IndexElem"u8]["name"u8].Text is { } name)
                {
                    Infers(Column([name], scope).Sources);
                }
            }
        }
        else
        {
            Infers(target.Rows.All);
        }
        var proposed = new PgLevel(scope);
        Join(proposed, Single(target, scope));
        proposed.Items.Add(new PgItem("excluded", target.Rows.Columns is { } columns
            ? PgRows.Of([.. columns.Select(c => c with { Sources = PgValue.None })])
            : new PgRows(null, PgValue.None)));
        Assign(conflict["targetList"u8], proposed);
        Writes(target, Named(Items(conflict["targetList"u8])), old: true);
        Condition(conflict["whereClause"u8], proposed);
    }

    private void Assign(PgNode list, PgLevel scope)
    {
        foreach (var item in list.Below)
        {
            var target = item["ResTarget"u8];
            Infers(Walk(target["indirection"u8], scope).Sources);
            var value = target["val"u8];
            Stores(Value(value["MultiAssignRef"u8] is { Exists: true } several ? several["source"u8] : value, scope).Sources);
        }
    }

    private void Merge(PgNode node, PgItem target, PgLevel scope)
    {
        Join(scope, From(node["sourceRelation"u8], scope));
        Join(scope, Single(target, scope));
        Condition(node["joinCondition"u8], scope);
        foreach (var item in node["mergeWhenClauses"u8].Below)
        {
            var when = item["MergeWhenClause"u8];
            Condition(when["condition"u8], scope);
            Assign(when["targetList"u8], scope);
            var listed = Items(when["targetList"u8]);
            switch (when["commandType"u8].Text)
            {
                case "CMD_DELETE":
                    Deletes(target);
                    break;
                case "CMD_NOTHING":
                    break;
                case var command:
                    Writes(target, listed.Count == 0 ? null : Named(listed), old: command != "CMD_INSERT");
                    break;
            }
            foreach (var value in when["values"u8].Below)
            {
                Stores(Value(value, scope).Sources);
            }
        }
    }
}
