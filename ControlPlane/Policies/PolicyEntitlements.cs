using System.Text.RegularExpressions;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>The section `entitlements`.</summary>
internal static class PolicyEntitlements
{
    private static readonly string[] Keys =
    [
        "id", "resource", "who", "scope", "max-duration", "max-total", "activate-within", "reason", "approval", "tickets", "token-login", "break-glass", "login",
    ];

    private static readonly string[] WhoKeys = ["groups", "subjects", "issuers", "kinds", "claims"];
    private static readonly string[] ApprovalKeys = ["auto", "steps", "fallback", "expires"];
    private static readonly string[] StepKeys = ["from", "count", "unless"];

    private static readonly Dictionary<string, ActorKind?> ActorKinds =
        new() { ["person"] = ActorKind.Person, ["workload"] = ActorKind.Workload, ["ai-agent"] = ActorKind.AiAgent };

    public static IReadOnlyList<Placed<Entitlement>> Read(PolicyFields fields, YamlNode? section) =>
        [.. fields.List(section).Select(node => Entitlement(fields, node)).OfType<Placed<Entitlement>>()];

    private static Placed<Entitlement>? Entitlement(PolicyFields fields, YamlNode node)
    {
        if (fields.Map(node, Keys) is not { } map)
        {
            return null;
        }
        var id = fields.Name(map, "id");
        var resource = fields.Name(map, "resource");
        var who = Who(fields, fields.Required(map, "who"));
        var glass = BreakGlass(fields, map["break-glass"]);
        var (longest, total) = Lengths(fields, map, glass);
        var entitlement = new Entitlement(
            id ?? "", resource ?? "", who, Scope(fields, map["scope"]), longest, total,
            fields.Duration(map["activate-within"], TimeSpan.FromMinutes(30)), Reason(fields, map["reason"]), Approval(fields, map),
            MaxConnections(fields, map["tickets"]), TokenLogin(fields, map["token-login"]), glass, PolicyLogins.Read(fields, map["login"]));
        return id is null ? null : new Placed<Entitlement>(entitlement, map);
    }

    private static (TimeSpan Longest, TimeSpan Total) Lengths(PolicyFields fields, YamlMap map, BreakGlass? glass)
    {
        if (map["break-glass"] is not null)
        {
            foreach (var own in map.Entries.Where(e => e.Key.Value is "max-duration" or "max-total"))
            {
                fields.Problems.Error(own.Key, $"`{own.Key.Value}` and `break-glass` exclude each other: break-glass has its own `duration`");
            }
            var duration = glass?.Duration ?? TimeSpan.FromHours(1);
            return (duration, duration);
        }
        var longest = fields.Duration(map["max-duration"], TimeSpan.FromHours(1));
        var total = fields.Duration(map["max-total"], longest);
        if (total < longest)
        {
            fields.Problems.Error(map["max-total"]!, "`max-total` must not be shorter than `max-duration`");
        }
        return (longest, total);
    }

    public static Who Who(PolicyFields fields, YamlNode? node)
    {
        if (fields.Map(node, WhoKeys) is not { } map)
        {
            return Contracts.Policy.Who.Nobody;
        }
        var kinds = fields.List(map["kinds"]).Select(k => fields.Choice(k, ActorKinds, null)).OfType<ActorKind>().Distinct();
        var claims = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in fields.Map(map["claims"], [.. (map["claims"] as YamlMap)?.Entries.Select(e => e.Key.Value) ?? []])?.Entries ?? [])
        {
            if (fields.Text(value) is { } text)
            {
                claims[key.Value] = text;
            }
        }
        foreach (var empty in map.Entries.Where(e => e.Value is YamlList { Items.Count: 0 } or YamlScalar { IsNull: true }))
        {
            fields.Problems.Error(empty.Value, "must not be empty: leave it out for any");
        }
        return new Who(
            [.. fields.List(map["groups"]).Select(fields.Text).OfType<string>()], fields.Persons(map["subjects"]),
            [.. fields.List(map["issuers"]).Select(fields.Text).OfType<string>()], [.. kinds], claims);
    }

    private static Scope Scope(PolicyFields fields, YamlNode? node)
    {
        if (fields.Map(node, ["databases", "statements"]) is not { } map)
        {
            return Contracts.Policy.Scope.Any;
        }
        return new Scope(fields.Texts(map["databases"]), fields.Statements(map["statements"]));
    }

    private static ReasonRule Reason(PolicyFields fields, YamlNode? node)
    {
        var map = fields.Map(node, ["required", "reference"]);
        var pattern = fields.Text(map?["reference"]);
        if (pattern is not null && WhyNotPattern(pattern) is { } why)
        {
            fields.Problems.Error(map!["reference"]!, why);
        }
        return new ReasonRule(fields.Flag(map?["required"], false), pattern);
    }

    /// <summary>Only patterns whose time is bounded by the length of what they read.</summary>
    private static string? WhyNotPattern(string pattern)
    {
        try
        {
            _ = new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, TimeSpan.FromMilliseconds(100));
            return null;
        }
        catch (RegexParseException bad)
        {
            return $"`{pattern}` is not a regular expression: position {bad.Offset}";
        }
        catch (NotSupportedException)
        {
            return $"`{pattern}` needs backtracking (look-around, back references) or is too large: write it without";
        }
    }

    private static Approval? Approval(PolicyFields fields, YamlMap entitlement)
    {
        if (entitlement["break-glass"] is not null)
        {
            if (entitlement["approval"] is { } both)
            {
                fields.Problems.Error(both, "`approval` and `break-glass` exclude each other");
            }
            return null;
        }
        if (fields.Map(fields.Required(entitlement, "approval"), ApprovalKeys) is not { } map)
        {
            return null;
        }
        var auto = fields.Flag(map["auto"], false);
        var steps = fields.List(map["steps"]).Select(s => Step(fields, s)).OfType<ApprovalStep>().ToList();
        if (auto && (map["steps"] ?? map["fallback"]) is { } contradiction)
        {
            fields.Problems.Error(contradiction, "`auto: true` needs nobody: leave the steps out");
        }
        if (!auto && map["steps"] is not YamlList { Items.Count: > 0 })
        {
            fields.Problems.Error(map["steps"] ?? map, "somebody must approve: give `steps`, or `auto: true`");
        }
        if (steps.Count > 0 && steps.TrueForAll(s => s.UnlessDurationUnder is not null))
        {
            fields.Problems.Warning(map["steps"]!, $"every step has an `unless`: requests under {Durations.Text(steps.Min(s => s.UnlessDurationUnder!.Value))} need no approval");
        }
        var fallback = map["fallback"] is { } node ? Step(fields, node) : null;
        return new Approval(auto, steps, fields.Duration(map["expires"], TimeSpan.FromHours(1)), fallback);
    }

    private static ApprovalStep? Step(PolicyFields fields, YamlNode node)
    {
        if (fields.Map(node, StepKeys) is not { } map)
        {
            return null;
        }
        var from = Who(fields, fields.Required(map, "from"));
        if (from.IsEmpty && map["from"] is { } nobody)
        {
            fields.Problems.Error(nobody, "names nobody");
        }
        var unless = fields.Map(map["unless"], ["duration-under"]);
        return new ApprovalStep(from, fields.Number(map["count"], 1, 100, 1), unless is null ? null : fields.Duration(fields.Required(unless, "duration-under")));
    }

    private static int MaxConnections(PolicyFields fields, YamlNode? node) =>
        fields.Number(fields.Map(node, ["max-connections"])?["max-connections"], 1, 10_000, 1);

    private static TokenLogin TokenLogin(PolicyFields fields, YamlNode? node)
    {
        if (fields.Map(node, ["kinds", "once"]) is not { } map)
        {
            return Contracts.Policy.TokenLogin.WorkloadsOnly;
        }
        var kinds = map["kinds"] is null
            ? Contracts.Policy.TokenLogin.WorkloadsOnly.Kinds
            : [.. fields.List(map["kinds"]).Select(k => fields.Choice(k, ActorKinds, null)).OfType<ActorKind>().Distinct()];
        return new TokenLogin(kinds, fields.Flag(map["once"], false));
    }

    private static BreakGlass? BreakGlass(PolicyFields fields, YamlNode? node)
    {
        if (fields.Map(node, ["duration", "review-within", "from"]) is not { } map)
        {
            return null;
        }
        var from = Who(fields, fields.Required(map, "from"));
        if (from.IsEmpty && map["from"] is { } nobody)
        {
            fields.Problems.Error(nobody, "names nobody");
        }
        var glass = new BreakGlass(
            fields.Duration(fields.Required(map, "duration"), TimeSpan.FromHours(1)), fields.Duration(map["review-within"], TimeSpan.FromHours(24)), from);
        if (glass.ReviewWithin < glass.Duration)
        {
            fields.Problems.Warning(map["review-within"] ?? map, "`review-within` is shorter than `duration`: what is open still cannot be found in order, and its holder may be barred until it is");
        }
        return glass;
    }
}
