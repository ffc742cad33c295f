using System.Text.Json;

namespace AccessPlane.Contracts.Sql;

/// <summary>
/// libpg_query's JSON tree of a PostgreSQL text → what is known of it. A deep walk without recursion: a statement counts wherever it hides
/// (a CTE, COPY's query, a cursor, a rule), because its effect is the same there.
/// </summary>
public static class PgTree
{
    private const int MaxTreeDepth = 1_000_000;
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = MaxTreeDepth };

    public static StatementFacts Read(ReadOnlyMemory<byte> json)
    {
        using var tree = JsonDocument.Parse(json, Options);
        var statements = tree.RootElement.GetProperty("stmts"u8);
        var walk = new PgWalk();
        foreach (var statement in statements.EnumerateArray())
        {
            if (!statement.TryGetProperty("stmt"u8, out var node))
            {
                continue; // an empty statement between semicolons
            }
            PgTopLevel.Look(node, walk);
            walk.Into(node);
        }
        return walk.Facts(statements.GetArrayLength());
    }
}

/// <summary>The walk over one text's tree, and what it has found so far.</summary>
internal sealed class PgWalk
{
    private readonly List<string> kinds = [];
    private readonly List<NameUse> names = [];
    private readonly Stack<Level> open = new();
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
    public void Into(JsonElement root)
    {
        Open(root);
        while (open.TryPeek(out var level))
        {
            if (level.Next(out var name, out var child))
            {
                if (name is null || !IsNode(name) || Visit(name, child))
                {
                    Open(child);
                }
            }
            else
            {
                open.Pop();
            }
        }
    }

    private void Open(JsonElement element)
    {
        if (element.ValueKind is JsonValueKind.Object or JsonValueKind.Array)
        {
            open.Push(new Level(element));
        }
    }

    private static bool IsNode(string name) =>
        (name.Length > 0 && char.IsAsciiLetterUpper(name[0])) || name is "intoClause" or "onConflictClause" or "action";

    /// <returns>Whether to look below it.</returns>
    private bool Visit(string name, JsonElement node)
    {
        switch (name)
        {
            case "ExplainStmt":
                Add("explain");
                return PgTopLevel.IsOn(node, "analyze"); // planned only: what it explains does not happen
            case "FuncCall":
                PgTopLevel.LookAtCall(node, this);
                return true;
            case "intoClause":
                Add("create");
                return true;
            case "onConflictClause" when PgTopLevel.Text(node, "action") == "ONCONFLICT_UPDATE":
                Add("update");
                return true;
            case "action" when node.ValueKind == JsonValueKind.Object: // of ALTER DEFAULT PRIVILEGES: a GRANT without its node's name
                Add(PgTopLevel.True(node, "is_grant") ? "grant" : "revoke");
                return true;
            case "MergeWhenClause":
                Add(PgTopLevel.Text(node, "commandType") switch { "CMD_INSERT" => "insert", "CMD_UPDATE" => "update", "CMD_DELETE" => "delete", _ => "merge" });
                return true;
            default:
                Classify(name, node);
                return true;
        }
    }

    private void Classify(string name, JsonElement node)
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
                Add(PgTopLevel.True(node, "is_from") ? "copy-from" : "copy-to");
                break;
            case "VacuumStmt":
                Add(PgTopLevel.True(node, "is_vacuumcmd") ? "vacuum" : "analyze");
                if (PgTopLevel.IsOn(node, "analyze"))
                {
                    Add("analyze");
                }
                break;
            case "GrantStmt" or "GrantRoleStmt":
                Add(PgTopLevel.True(node, "is_grant") ? "grant" : "revoke");
                break;
            case "AlterDefaultPrivilegesStmt":
                Add("alter");
                break;
            case "UpdateStmt" when node.TryGetProperty("relation"u8, out var target) && PgTopLevel.Text(target, "relname") == "pg_settings":
                Refuse("settings are not changed by updating `pg_settings`: use `set`");
                break;
        }
    }

    /// <summary>An object or array whose children are being visited.</summary>
    private sealed class Level(JsonElement element)
    {
        private readonly bool isObject = element.ValueKind == JsonValueKind.Object;
        private JsonElement.ObjectEnumerator members = element.ValueKind == JsonValueKind.Object ? element.EnumerateObject() : default;
        private JsonElement.ArrayEnumerator items = element.ValueKind == JsonValueKind.Array ? element.EnumerateArray() : default;

        public bool Next(out string? name, out JsonElement child)
        {
            if (isObject)
            {
                var more = members.MoveNext();
                (name, child) = more ? (members.Current.Name, members.Current.Value) : (null, default);
                return more;
            }
            name = null;
            var any = items.MoveNext();
            child = any ? items.Current : default;
            return any;
        }
    }
}
