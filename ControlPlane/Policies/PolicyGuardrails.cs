using System.Globalization;
using System.Text.RegularExpressions;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using Match = AccessPlane.Contracts.Policy.Match;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>The section `guardrails`.</summary>
internal static partial class PolicyGuardrails
{
    private static readonly string[] Keys = ["id", "resource", "match", "effect", "message", "hold", "max-rows", "mode"];
    private static readonly string[] MatchKeys =
    [
        "statements", "relations", "access", "columns", "places", "functions", "unbounded", "several", "in-transaction", "unknown", "opaque", "risk",
    ];

    private static readonly Dictionary<string, Effect> Effects =
        new() { ["deny"] = Effect.Deny, ["hold"] = Effect.Hold, ["flag"] = Effect.Flag, ["allow"] = Effect.Allow };

    private static readonly Dictionary<string, RelationAccess?> Accesses = new() { ["read"] = RelationAccess.Read, ["write"] = RelationAccess.Write };

    private static readonly Dictionary<string, ColumnPlace?> Places = Enum.GetValues<ColumnPlace>()
        .ToDictionary(p => p.ToString().ToLowerInvariant(), p => (ColumnPlace?)p, StringComparer.Ordinal);

    private static readonly Dictionary<string, PolicyMode?> Modes = new() { ["enforce"] = PolicyMode.Enforce, ["observe"] = PolicyMode.Observe };

    public static IReadOnlyList<Placed<Guardrail>> Read(PolicyFields fields, YamlNode? section) =>
        [.. fields.List(section).Select(node => Guardrail(fields, node)).OfType<Placed<Guardrail>>()];

    public static PolicyMode? Mode(PolicyFields fields, YamlNode? node) => fields.Choice(node, Modes, null);

    private static Placed<Guardrail>? Guardrail(PolicyFields fields, YamlNode node)
    {
        if (fields.Map(node, Keys) is not { } map)
        {
            return null;
        }
        var id = fields.Name(map, "id");
        var resource = fields.Name(map, "resource");
        var match = Matching(fields, fields.Required(map, "match"));
        var effect = fields.Choice(fields.Required(map, "effect"), Effects, Effect.Deny);
        var most = map["max-rows"] is { } rows ? fields.Number(rows, 0, int.MaxValue, 0) : (long?)null;
        var hold = Hold(fields, map, effect);
        if (effect == Effect.Deny && map["max-rows"] is { } denied && map["effect"] is not null)
        {
            fields.Problems.Error(denied, "`max-rows` and `effect: deny` exclude each other: what is denied changes no rows");
        }
        var guardrail = new Guardrail(id ?? "", resource ?? "", match, effect, fields.Text(map["message"]), hold, most, Mode(fields, map["mode"]));
        return id is null ? null : new Placed<Guardrail>(guardrail, map);
    }

    private static Match Matching(PolicyFields fields, YamlNode? node)
    {
        if (fields.Map(node, MatchKeys) is not { } map)
        {
            return Match.Everything;
        }
        bool? Flag(string key) => map[key] is { } flag ? fields.Flag(flag, false) : null;
        return new Match(
            fields.Statements(map["statements"]), fields.Patterns(map["relations"], 2), fields.Choice(map["access"], Accesses, null),
            fields.Patterns(map["columns"], 3), [.. fields.NotEmpty(map["places"]).Select(p => fields.Choice(p, Places, null)).OfType<ColumnPlace>().Distinct()],
            fields.Patterns(map["functions"], 2), Flag("unbounded"), Flag("several"), Flag("in-transaction"), Flag("unknown"), Flag("opaque"), Risk(fields, map["risk"]));
    }

    private static int? Risk(PolicyFields fields, YamlNode? node)
    {
        if (node is null)
        {
            return null;
        }
        if (node is YamlScalar scalar && AtLeast().Match(scalar.Value) is { Success: true } least)
        {
            return int.Parse(least.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture);
        }
        fields.Problems.Error(node, "must be a least score such as `'>= 70'`, from 1 to 100");
        return null;
    }

    private static HoldTerms? Hold(PolicyFields fields, YamlMap guardrail, Effect effect)
    {
        if (effect != Effect.Hold)
        {
            if (guardrail["hold"] is { } stray && guardrail["effect"] is not null)
            {
                fields.Problems.Error(stray, "`hold` says how `effect: hold` waits, and this rule has another effect");
            }
            return null;
        }
        if (fields.Map(fields.Required(guardrail, "hold"), ["from", "count", "timeout", "in-transaction"]) is not { } map)
        {
            return null;
        }
        var from = PolicyEntitlements.Who(fields, fields.Required(map, "from"));
        if (from.IsEmpty && map["from"] is { } nobody && !fields.Problems.Spoilt(nobody))
        {
            fields.Problems.Error(nobody, "names nobody");
        }
        var timeout = fields.Duration(map["timeout"], TimeSpan.FromMinutes(5));
        var inside = fields.Duration(map["in-transaction"], timeout < TimeSpan.FromMinutes(1) ? timeout : TimeSpan.FromMinutes(1));
        if (timeout > TimeSpan.FromDays(1))
        {
            fields.Problems.Error(map["timeout"]!, "a statement waits for a day at most");
        }
        if (inside > timeout)
        {
            fields.Problems.Error(map["in-transaction"]!, "`in-transaction` must not be longer than `timeout`: what is locked stays locked while it waits");
        }
        return new HoldTerms(from, fields.Number(map["count"], 1, 100, 1), timeout, inside);
    }

    [GeneratedRegex("^>= ?(100|[1-9][0-9]?)$", RegexOptions.CultureInvariant)]
    private static partial Regex AtLeast();
}
