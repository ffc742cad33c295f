using System.Globalization;
using System.Text.Json;

namespace AccessPlane.Contracts.Sql;

/// <summary>What certain statements ask for beyond their kind: settings, transactions' modes, names, the server's files.</summary>
internal static class PgTopLevel
{
    private const int HoldOption = 0x20; // CURSOR_OPT_HOLD, nodes/parsenodes.h

    /// <summary>A statement where it is run, not where it is part of another (a function's SET clause sets nothing now).</summary>
    public static void Look(JsonElement statement, PgWalk walk)
    {
        foreach (var node in statement.EnumerateObject())
        {
            switch (node.Name)
            {
                case "VariableSetStmt":
                    LookAtSet(node.Value, walk);
                    break;
                case "AlterRoleSetStmt" or "AlterDatabaseSetStmt" when node.Value.TryGetProperty("setstmt"u8, out var set):
                    LookAtSet(set, walk);
                    break;
                case "AlterSystemStmt":
                    walk.Refuse("the server's own configuration is out of reach through this agent");
                    break;
                case "LoadStmt":
                    walk.Refuse("libraries cannot be loaded through this agent");
                    break;
                case "CopyStmt" when True(node.Value, "is_program") || node.Value.TryGetProperty("filename"u8, out _):
                    walk.Refuse("the server's files and programs are out of reach through this agent: copy from stdin or to stdout");
                    break;
                case "TransactionStmt":
                    LookAtTransaction(node.Value, walk);
                    break;
                default:
                    LookAtNames(node.Name, node.Value, walk);
                    break;
            }
        }
    }

    private static void LookAtNames(string node, JsonElement value, PgWalk walk)
    {
        NameUse? use = node switch
        {
            "PrepareStmt" => new NameUse(NameAction.Prepare, Text(value, "name")),
            "DeallocateStmt" => new NameUse(NameAction.Deallocate, Text(value, "name")),
            "DeclareCursorStmt" => new NameUse(NameAction.Declare, Text(value, "portalname"), (Number(value, "options") & HoldOption) != 0),
            "ClosePortalStmt" => new NameUse(NameAction.Close, Text(value, "portalname")),
            "DiscardStmt" when Text(value, "target") is "DISCARD_ALL" => new NameUse(NameAction.DiscardAll, null),
            _ => null,
        };
        if (use is not null)
        {
            walk.Use(use);
        }
    }

    private static void LookAtTransaction(JsonElement node, PgWalk walk)
    {
        switch (Text(node, "kind"))
        {
            case "TRANS_STMT_PREPARE":
                walk.Refuse("a prepared transaction would outlive the session: commit or roll back instead");
                break;
            case "TRANS_STMT_COMMIT_PREPARED" or "TRANS_STMT_ROLLBACK_PREPARED":
                walk.Refuse("prepared transactions of others are out of reach through this agent");
                break;
        }
        LookAtModes(node, "options", walk);
    }

    private static void LookAtModes(JsonElement node, string member, PgWalk walk)
    {
        foreach (var mode in Items(node, member))
        {
            if (mode.TryGetProperty("DefElem"u8, out var option) && Text(option, "defname") == "transaction_read_only" &&
                !(option.TryGetProperty("arg"u8, out var value) && Constant(value) == "1"))
            {
                walk.AskForWrites();
            }
        }
    }

    private static void LookAtSet(JsonElement node, PgWalk walk)
    {
        var name = Text(node, "name") ?? "";
        switch (Text(node, "kind"))
        {
            case "VAR_RESET_ALL":
                break;
            case "VAR_RESET" or "VAR_SET_DEFAULT":
                if (PgSettings.ResetAsksForWrites(name))
                {
                    walk.AskForWrites();
                }
                break;
            case "VAR_SET_MULTI" when name is "TRANSACTION" or "SESSION CHARACTERISTICS":
                LookAtModes(node, "args", walk);
                break;
            case "VAR_SET_MULTI" when name is "TRANSACTION SNAPSHOT":
                break;
            case "VAR_SET_VALUE":
                var values = Items(node, "args").ToList();
                Set(name, values is [var only] ? Constant(only) : null, walk);
                break;
            default:
                walk.Refuse($"the setting `{name}` is fixed for sessions through this agent");
                break;
        }
    }

    private static void Set(string name, string? value, PgWalk walk)
    {
        walk.Refuse(PgSettings.WhyNotSet(name, value, out var asksForWrites));
        if (asksForWrites)
        {
            walk.AskForWrites();
        }
    }

    /// <summary>`set_config('name', 'value', …)` is SET as a function.</summary>
    public static void LookAtCall(JsonElement call, PgWalk walk)
    {
        var function = Items(call, "funcname").LastOrDefault();
        if (function.ValueKind != JsonValueKind.Object || !function.TryGetProperty("String"u8, out var last) || Text(last, "sval") != "set_config")
        {
            return;
        }
        var arguments = Items(call, "args").ToList();
        if (arguments.Count > 0 && arguments[0].ValueKind == JsonValueKind.Object && Constant(arguments[0]) is { } name)
        {
            Set(name, arguments.Count > 1 ? Constant(arguments[1]) : null, walk);
        }
        else
        {
            walk.Refuse("`set_config` needs the setting's name as a constant");
        }
    }

    /// <summary>Whether an option of the statement is there and not plainly off: PostgreSQL reads `(analyze)`, `(analyze 1)` and `(analyze "on")` alike.</summary>
    public static bool IsOn(JsonElement node, string option)
    {
        foreach (var item in Items(node, "options"))
        {
            if (item.TryGetProperty("DefElem"u8, out var element) && Text(element, "defname") == option &&
                !(element.TryGetProperty("arg"u8, out var arg) && Constant(arg)?.ToLowerInvariant() is "0" or "false" or "off"))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>A constant as the text that stands in the statement; null where it is not one. Absent numbers and booleans are zero: the tree leaves defaults out.</summary>
    private static string? Constant(JsonElement wrapped)
    {
        foreach (var node in wrapped.EnumerateObject())
        {
            switch (node.Name)
            {
                case "A_Const":
                    return Constant(node.Value);
                case "String" or "sval":
                    return Text(node.Value, "sval") ?? "";
                case "Integer" or "ival":
                    return Number(node.Value, "ival").ToString(CultureInfo.InvariantCulture);
                case "Boolean" or "boolval":
                    return True(node.Value, "boolval") ? "true" : "false";
                case "Float" or "fval":
                    return Text(node.Value, "fval");
                default:
                    return null;
            }
        }
        return null;
    }

    public static string? Text(JsonElement node, string member) =>
        node.ValueKind == JsonValueKind.Object && node.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    public static bool True(JsonElement node, string member) =>
        node.ValueKind == JsonValueKind.Object && node.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.True;

    private static int Number(JsonElement node, string member) =>
        node.TryGetProperty(member, out var value) && value.TryGetInt32(out var number) ? number : 0;

    private static JsonElement.ArrayEnumerator Items(JsonElement node, string member) =>
        node.TryGetProperty(member, out var list) && list.ValueKind == JsonValueKind.Array ? list.EnumerateArray() : default;
}
