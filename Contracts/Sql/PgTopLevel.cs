using System.Globalization;
using System.Text;

namespace AccessPlane.Contracts.Sql;

/// <summary>What certain statements ask for beyond their kind: settings, transactions' modes, names, the server's files.</summary>
internal static class PgTopLevel
{
    private const int HoldOption = 0x20; // CURSOR_OPT_HOLD, nodes/parsenodes.h

    /// <summary>A statement where it is run, not where it is part of another (a function's SET clause sets nothing now).</summary>
    public static void Look(PgNode statement, PgFindings found)
    {
        foreach (var node in statement.Below)
        {
            var name = Encoding.ASCII.GetString(node.Name);
            switch (name)
            {
                case "VariableSetStmt":
                    LookAtSet(node, found);
                    break;
                case "AlterRoleSetStmt" or "AlterDatabaseSetStmt" when node["setstmt"u8] is { Exists: true } set:
                    LookAtSet(set, found);
                    break;
                case "AlterSystemStmt":
                    found.Refuse("the server's own configuration is out of reach through this agent");
                    break;
                case "LoadStmt":
                    found.Refuse("libraries cannot be loaded through this agent");
                    break;
                case "CopyStmt" when node["is_program"u8].IsTrue || node["filename"u8].Exists:
                    found.Refuse("the server's files and programs are out of reach through this agent: copy from stdin or to stdout");
                    break;
                case "TransactionStmt":
                    LookAtTransaction(node, found);
                    break;
                default:
                    LookAtNames(name, node, found);
                    break;
            }
        }
    }

    private static void LookAtNames(string node, PgNode value, PgFindings found)
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
            found.Names.Add(use);
        }
    }

    private static void LookAtTransaction(PgNode node, PgFindings found)
    {
        switch (node["kind"u8].Text)
        {
            case "TRANS_STMT_PREPARE":
                found.Refuse("a prepared transaction would outlive the session: commit or roll back instead");
                break;
            case "TRANS_STMT_COMMIT_PREPARED" or "TRANS_STMT_ROLLBACK_PREPARED":
                found.Refuse("prepared transactions of others are out of reach through this agent");
                break;
        }
        LookAtModes(node["options"u8], found);
    }

    private static void LookAtModes(PgNode modes, PgFindings found)
    {
        foreach (var mode in modes.Below)
        {
            var option = mode["DefElem"u8];
            if (option["defname"u8].Text == "transaction_read_only" && Constant(option["arg"u8]) != "1")
            {
                found.AsksForWrites = true;
            }
        }
    }

    private static void LookAtSet(PgNode node, PgFindings found)
    {
        var name = node["name"u8].Text ?? "";
        switch (node["kind"u8].Text)
        {
            case "VAR_RESET_ALL":
                break;
            case "VAR_RESET" or "VAR_SET_DEFAULT":
                if (PgSettings.ResetAsksForWrites(name))
                {
                    found.AsksForWrites = true;
                }
                break;
            case "VAR_SET_MULTI" when name is "TRANSACTION" or "SESSION CHARACTERISTICS":
                LookAtModes(node["args"u8], found);
                break;
            case "VAR_SET_MULTI" when name is "TRANSACTION SNAPSHOT":
                break;
            case "VAR_SET_VALUE" when name == "search_path":
                SetPath(List(node["args"u8]).ConvertAll(Constant), found);
                break;
            case "VAR_SET_VALUE":
                var values = List(node["args"u8]);
                Set(name, values is [var only] ? Constant(only) : null, found);
                break;
            default:
                found.Refuse($"the setting `{name}` is fixed for sessions through this agent");
                break;
        }
    }

    /// <summary>Names mean what they mean along the search path: it may be set to what it is.</summary>
    private static void SetPath(List<string?> schemas, PgFindings found)
    {
        if (found.PathSetting is not { } pinned || !schemas.SequenceEqual(PgSettings.Schemas(pinned)))
        {
            found.Refuse($"the setting `search_path` is fixed for sessions through this agent{(found.PathSetting is { } path ? $": it is `{path}`" : "")}");
        }
    }

    private static void Set(string name, string? value, PgFindings found)
    {
        found.Refuse(PgSettings.WhyNotSet(name, value, out var asksForWrites));
        if (asksForWrites)
        {
            found.AsksForWrites = true;
        }
    }

    /// <summary>`set_config('name', 'value', …)` is SET as a function.</summary>
    public static void LookAtCall(PgNode call, PgFindings found)
    {
        var function = List(call["funcname"u8]);
        if (function.Count == 0 || function[^1]["String"u8]["sval"u8].Text != "set_config")
        {
            return;
        }
        var arguments = List(call["args"u8]);
        var name = arguments.Count > 0 ? Constant(arguments[0]) : null;
        if (string.Equals(name, "search_path", StringComparison.OrdinalIgnoreCase))
        {
            SetPath(arguments.Count > 1 && Constant(arguments[1]) is { } path ? [.. PgSettings.Schemas(path)] : [null], found);
        }
        else if (name is not null)
        {
            Set(name, arguments.Count > 1 ? Constant(arguments[1]) : null, found);
        }
        else
        {
            found.Refuse("`set_config` needs the setting's name as a constant");
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
