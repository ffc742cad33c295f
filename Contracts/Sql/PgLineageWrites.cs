namespace AccessPlane.Contracts.Sql;

/// <summary>INSERT, UPDATE, DELETE and MERGE: what they store, what decides on it, and what RETURNING gives back.</summary>
public sealed partial class PgLineage
{
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
                Condition(node["whereClause"u8], scope);
                break;
            case "DeleteStmt":
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
            foreach (var value in when["values"u8].Below)
            {
                Stores(Value(value, scope).Sources);
            }
        }
    }
}
