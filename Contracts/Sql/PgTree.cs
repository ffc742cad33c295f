namespace AccessPlane.Contracts.Sql;

/// <summary>
/// libpg_query's JSON tree of a PostgreSQL text → what is known of it. A deep walk without recursion: a statement counts wherever it hides
/// (a CTE, COPY's query, a cursor, a rule), because its effect is the same there.
/// </summary>
public static class PgTree
{
    public static StatementFacts Read(ReadOnlyMemory<byte> json)
    {
        using var tree = new PgJson(json);
        var walk = new PgWalk();
        var statements = 0;
        foreach (var statement in tree.Root["stmts"u8].Below)
        {
            statements++;
            if (statement["stmt"u8] is { Exists: true } node)
            {
                PgTopLevel.Look(node, walk);
                walk.Into(node);
            }
        }
        return walk.Facts(statements);
    }
}

/// <summary>The walk over one text's tree, and what it has found so far.</summary>
internal sealed class PgWalk
{
    private readonly List<string> kinds = [];
    private readonly List<NameUse> names = [];
    private readonly Stack<PgNode.Children> open = new();
    private string? unknown;
    private string? refused;
    private bool asksForWrites;

    public void Refuse(string? why) => refused ??= why;
    public void AskForWrites() => asksForWrites = true;
    public void Use(NameUse name) => names.Add(name);

    public void Add(string kind)
    {
        if (!kinds.Contains(kind))
        {
            kinds.Add(kind);
        }
    }

    public StatementFacts Facts(int statements)
    {
        if (statements == 0)
        {
            Add("empty");
        }
        return new StatementFacts(kinds, statements, unknown, refused, asksForWrites, names.Count == 0 ? null : names);
    }

    /// <summary>Everything below <paramref name="root"/>, in the order of the tree.</summary>
    public void Into(PgNode root)
    {
        open.Push(root.Below);
        while (open.TryPop(out var level))
        {
            if (!level.MoveNext())
            {
                continue;
            }
            var child = level.Current;
            open.Push(level);
            if (!IsNode(child.Name) || Visit(child))
            {
                open.Push(child.Below);
            }
        }
    }

    private static bool IsNode(ReadOnlySpan<byte> name) =>
        (name.Length > 0 && char.IsAsciiLetterUpper((char)name[0])) ||
        name.SequenceEqual("intoClause"u8) || name.SequenceEqual("onConflictClause"u8) || name.SequenceEqual("action"u8);

    /// <returns>Whether to look below it.</returns>
    private bool Visit(PgNode node)
    {
        switch (System.Text.Encoding.ASCII.GetString(node.Name))
        {
            case "ExplainStmt":
                Add("explain");
                return PgTopLevel.IsOn(node, "analyze"); // planned only: what it explains does not happen
            case "VariableSetStmt" when open.Count > 1:
                return false; // a clause of another statement, a function's: it sets nothing now
            case "FuncCall":
                PgTopLevel.LookAtCall(node, this);
                return true;
            case "intoClause":
                Add("create");
                return true;
            case "onConflictClause" when node["action"u8].Text == "ONCONFLICT_UPDATE":
                Add("update");
                return true;
            case "action" when node.IsObject: // of ALTER DEFAULT PRIVILEGES: a GRANT without its node's name
                Add(node["is_grant"u8].IsTrue ? "grant" : "revoke");
                return true;
            case "MergeWhenClause":
                Add(node["commandType"u8].Text switch { "CMD_INSERT" => "insert", "CMD_UPDATE" => "update", "CMD_DELETE" => "delete", _ => "merge" });
                return true;
            case var name:
                Classify(name, node);
                return true;
        }
    }

    private void Classify(string name, PgNode node)
    {
        if (!name.EndsWith("Stmt", StringComparison.Ordinal))
        {
            return;
        }
        if (!PgNodes.Kinds.TryGetValue(name, out var kind))
        {
            unknown ??= $"`{name}` is no statement that is known here";
        }
        else if (kind.Length > 0)
        {
            Add(kind);
        }
        switch (name)
        {
            case "CopyStmt":
                Add(node["is_from"u8].IsTrue ? "copy-from" : "copy-to");
                break;
            case "VacuumStmt":
                Add(node["is_vacuumcmd"u8].IsTrue ? "vacuum" : "analyze");
                if (PgTopLevel.IsOn(node, "analyze"))
                {
                    Add("analyze");
                }
                break;
            case "GrantStmt" or "GrantRoleStmt":
                Add(node["is_grant"u8].IsTrue ? "grant" : "revoke");
                break;
            case "AlterDefaultPrivilegesStmt":
                Add("alter");
                break;
            case "UpdateStmt" when node["relation"u8]["relname"u8].Text == "pg_settings":
                Refuse("settings are not changed by updating `pg_settings`: use `set`");
                break;
        }
    }
}
