using System.Collections.Frozen;

namespace AccessPlane.Contracts.Sql;

/// <summary>
/// Functions, triggers and rules that are made. They run later, for anybody, and for texts that were judged before they were there, so that judging
/// whoever calls them is not enough: what is made touches nothing hidden itself, does the same whoever runs it, and takes no name that means something
/// to what is there already.
/// </summary>
public sealed partial class PgLineage
{
    /// <summary>Clauses that change nothing of what a body does.</summary>
    private static readonly FrozenSet<string> PlainClauses =
        FrozenSet.Create(StringComparer.Ordinal, "language", "as", "volatility", "strict", "leakproof", "security", "cost", "rows", "parallel");

    /// <summary>Names in a body that have no schema are looked for along its caller's path, which is not the same for all.</summary>
    private static readonly string[] NoPath = ["pg_catalog"];

    private uint NextMade => uint.MaxValue - (uint)made.Count;

    private void MakeFunction(PgNode node)
    {
        indirect ??= "a definition";
        var names = Strings(node["funcname"u8]);
        if (names.Count is 0 or > 2)
        {
            Fail("a function's name is not followed");
            return;
        }
        var name = names[^1];
        WhoUses(name);
        var (language, body, path) = ("sql", (string?)null, (IReadOnlyList<string>?)null);
        foreach (var item in node["options"u8].Below)
        {
            var option = item["DefElem"u8];
            var clause = option["defname"u8].Text ?? "";
            switch (clause)
            {
                case "language":
                    language = option["arg"u8]["String"u8]["sval"u8].Text ?? "";
                    break;
                case "as":
                    body = Strings(option["arg"u8]["List"u8]["items"u8]) is [var only] ? only : null;
                    break;
                case "set":
                    path = PathOf(option["arg"u8]["VariableSetStmt"u8]) ?? path;
                    break;
                case var _ when !PlainClauses.Contains(clause):
                    Fail($"the clause `{clause}` of a function is not followed");
                    break;
            }
        }
        var isParsed = node["sql_body"u8].Exists; // its names are looked up now, once and for all
        var types = new List<PgNode> { node["returnType"u8] };
        var arguments = 0;
        foreach (var item in node["parameters"u8].Below)
        {
            arguments++;
            types.Add(item["FunctionParameter"u8]["argType"u8]);
        }
        made.Add(new PgFunction(
            NextMade, names.Count > 1 ? names[0] : catalog.SearchPath.FirstOrDefault(s => !PgTrusted.IsSystem(s)) ?? "public", name, arguments, IsVariadic: true,
            IsBuiltIn: false, 'v', false, language, language is not ("sql" or "plpgsql") ? null : isParsed ? "" : body)
        {
            Definition = text,
            Defaults = arguments,
            SearchPath = isParsed ? null : path ?? NoPath,
            Runs = [.. types.SelectMany(RunsOf)],
        });
        Parts(node, new PgLevel(null));
    }

    /// <summary>What is there already and goes by a name would do something else if that meant another function.</summary>
    private void WhoUses(string name)
    {
        foreach (var all in catalog.Functions.Values)
        {
            if (all[0].Name == name)
            {
                Fail($"a function `{name}` is there already, and what uses it would do something else: give it a name of its own, or drop that one before");
                return;
            }
            foreach (var one in all)
            {
                if (Mentions(one.Source, name) || Mentions(one.Definition, name))
                {
                    Fail($"the function `{one.FullName}` speaks of `{name}`, and would do something else: give it another name");
                    return;
                }
            }
        }
    }

    private static bool Mentions(string? body, string name)
    {
        for (var at = -1; name.Length > 0 && body is not null && (at = body.IndexOf(name, at + 1, StringComparison.OrdinalIgnoreCase)) >= 0;)
        {
            var end = at + name.Length;
            if ((at == 0 || !IsOfName(body[at - 1])) && (end == body.Length || !IsOfName(body[end])))
            {
                return true;
            }
        }
        return false;
    }

    private static bool IsOfName(char c) => char.IsLetterOrDigit(c) || c is '_' or '$';

    /// <summary>The search path that a function sets for itself.</summary>
    private List<string>? PathOf(PgNode set)
    {
        var schemas = Items(set["args"u8]).ConvertAll(a => a["A_Const"u8]["sval"u8] is { Exists: true } text ? text["sval"u8].Text ?? "" : null);
        if (set["kind"u8].Text != "VAR_SET_VALUE" || set["name"u8].Text != "search_path" || schemas.Count == 0 || schemas.Contains(null))
        {
            Fail("a function that sets more than its `search_path`, by names, is not followed");
            return null;
        }
        List<string> path = [.. schemas.OfType<string>()];
        return path.Contains("pg_catalog") ? path : ["pg_catalog", .. path];
    }

    private IReadOnlyList<uint> RunsOf(PgNode type) =>
        Strings(type["names"u8]) is [.., var name] names && catalog.Type(names.Count > 1 ? names[^2] : null, name) is { } known ? known.Runs : [];

    private void MakeTrigger(PgNode node)
    {
        indirect ??= "a definition";
        var names = Strings(node["funcname"u8]);
        var all = names.Count is 1 or 2 ? catalog.FunctionsNamed(names.Count == 2 ? names[0] : null, names[^1]) : [];
        if (all.Count == 0)
        {
            Fail("what the trigger would run is not known here");
        }
        foreach (var function in all)
        {
            if (!function.IsBuiltIn)
            {
                made.Add(function with { Oid = NextMade, SearchPath = function.SearchPath ?? NoPath });
            }
        }
        On(node["relation"u8]);
        Parts(node, new PgLevel(null));
    }

    private void MakeRule(PgNode node)
    {
        indirect ??= "a definition";
        if (Items(node["actions"u8]).Count > 0 || node["whereClause"u8].Exists)
        {
            Fail("what the rule would do is not followed");
        }
        On(node["relation"u8]);
    }

    private void On(PgNode range)
    {
        var (schema, name) = (range["schemaname"u8].Text, range["relname"u8].Text ?? "");
        if (catalog.Relation(schema, name) is null)
        {
            unresolved.Add(schema is null ? name : $"{schema}.{name}");
        }
        Known(schema, name);
    }
}
