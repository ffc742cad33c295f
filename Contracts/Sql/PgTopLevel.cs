using System.Globalization;
using System.Text;

namespace AccessPlane.Contracts.Sql;

/// <summary>What certain statements ask for beyond their kind: settings, transactions' modes, names, the server's files.</summary>
internal static class PgTopLevel
{
    private const int HoldOption = 0x20; // CURSOR_OPT_HOLD, nodes/parsenodes.h

    /// <summary>A statement where it is run, not where it is part of another (a function's SET clause sets nothing now).</summary>
    public static void Look(PgNode statement, PgWalk walk)
    {
        foreach (var node in statement.Below)
        {
            var name = Encoding.ASCII.GetString(node.Name);
            switch (name)
            {
                case "VariableSetStmt":
                    LookAtSet(node, walk);
                    break;
                case "AlterRoleSetStmt" or "AlterDatabaseSetStmt" when node["setstmt"u8] is { Exists: true } set:
                    LookAtSet(set, walk);
                    break;
                case "AlterSystemStmt":
                    walk.Refuse("the server's own configuration is out of reach through this agent");
                    break;
                case "LoadStmt":
                    walk.Refuse("libraries cannot be loaded through this agent");
                    break;
                case "CopyStmt" when node["is_program"u8].IsTrue || node["filename"u8].Exists:
                    walk.Refuse("the server's files and programs are out of reach through this agent: copy from stdin or to stdout");
                    break;
                case "TransactionStmt":
                    LookAtTransaction(node, walk);
                    break;
                default:
                    LookAtNames(name, node, walk);
                    break;
            }
        }
    }

    private static void LookAtNames(string node, PgNode value, PgWalk walk)
    {
        NameUse? use = node switch
        {
            "PrepareStmt" => new NameUse(NameAction.Prepare, value["name"u8].Text),
            "DeallocateStmt" => new NameUse(NameAction.Deallocate, value["name"u8].Text),
            "DeclareCursorStmt" => new NameUse(NameAction.Declare, value["portalname"u8].Text, (value["options"u8].Number & HoldOption) != 0),
            "ClosePortalStmt" => new NameUse(NameAction.Close, value["portalname"u8].Text),
            "DiscardStmt" when value["target"u8].Text is "DISCARD_ALL" => new NameUse(NameAction.DiscardAll, null),
            _ => null,
        };
        if (use is not null)
        {
            walk.Use(use);
        }
    }

    private static void LookAtTransaction(PgNode node, PgWalk walk)
    {
        switch (node["kind"u8].Text)
        {
            case "TRANS_STMT_PREPARE":
                walk.Refuse("a prepared transaction would outlive the session: commit or roll back instead");
                break;
            case "TRANS_STMT_COMMIT_PREPARED" or "TRANS_STMT_ROLLBACK_PREPARED":
                walk.Refuse("prepared transactions of others are out of reach through this agent");
                break;
        }
        LookAtModes(node["options"u8], walk);
    }

    private static void LookAtModes(PgNode modes, PgWalk walk)
    {
        foreach (var mode in modes.Below)
        {
            var option = mode["DefElem"u8];
            if (option["defname"u8].Text == "transaction_read_only" && Constant(option["arg"u8]) != "1")
            {
                walk.AskForWrites();
            }
        }
    }

    private static void LookAtSet(PgNode node, PgWalk walk)
    {
        var name = node["name"u8].Text ?? "";
        switch (node["kind"u8].Text)
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
                LookAtModes(node["args"u8], walk);
                break;
            case "VAR_SET_MULTI" when name is "TRANSACTION SNAPSHOT":
                break;
            case "VAR_SET_VALUE":
                var values = List(node["args"u8]);
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
    public static void LookAtCall(PgNode call, PgWalk walk)
    {
        var function = List(call["funcname"u8]);
        if (function.Count == 0 || function[^1]["String"u8]["sval"u8].Text != "set_config")
        {
            return;
        }
        var arguments = List(call["args"u8]);
        if (arguments.Count > 0 && Constant(arguments[0]) is { } name)
        {
            Set(name, arguments.Count > 1 ? Constant(arguments[1]) : null, walk);
        }
        else
        {
            walk.Refuse("`set_config` needs the setting's name as a constant");
        }
    }

    /// <summary>Whether an option of the statement is there and not plainly off: PostgreSQL reads `(analyze)`, `(analyze 1)` and `(analyze "on")` alike.</summary>
    public static bool IsOn(PgNode node, string name)
    {
        foreach (var item in node["options"u8].Below)
        {
            var option = item["DefElem"u8];
            if (option["defname"u8].Text == name && Constant(option["arg"u8])?.ToLowerInvariant() is not ("0" or "false" or "off"))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>A constant as the text that stands in the statement; null where it is not one. Absent numbers and booleans are zero: the tree leaves defaults out.</summary>
    private static string? Constant(PgNode wrapped)
    {
        foreach (var node in wrapped.Below)
        {
            return Encoding.ASCII.GetString(node.Name) switch
            {
                "A_Const" => Constant(node),
                "String" or "sval" => node["sval"u8].Text ?? "",
                "Integer" or "ival" => node["ival"u8].Number.ToString(CultureInfo.InvariantCulture),
                "Boolean" or "boolval" => node["boolval"u8].IsTrue ? "true" : "false",
                "Float" or "fval" => node["fval"u8].Text,
                _ => null,
            };
        }
        return null;
    }

    private static List<PgNode> List(PgNode list)
    {
        var items = new List<PgNode>();
        foreach (var item in list.Below)
        {
            items.Add(item);
        }
        return items;
    }
}
