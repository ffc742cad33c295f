using System.Globalization;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Contracts;

/// <summary>Facts in the words of pages and terminals.</summary>
public static class Words
{
    /// <summary>The two largest units: `2 h 30 min`.</summary>
    public static string Of(TimeSpan span)
    {
        (long Number, string Unit)[] parts =
        [
            ((long)span.TotalDays, span.TotalDays is >= 1 and < 2 ? "day" : "days"), (span.Hours, "h"), (span.Minutes, "min"), (span.Seconds, "s"),
        ];
        var shown = parts.SkipWhile(p => p.Number == 0).Take(2).Where(p => p.Number > 0).Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Number} {p.Unit}")).ToList();
        return shown.Count > 0 ? string.Join(' ', shown) : span < TimeSpan.FromMilliseconds(1) ? "< 1 ms" : string.Create(CultureInfo.InvariantCulture, $"{span.TotalMilliseconds:0} ms");
    }

    /// <summary>How long one may ask for, in minutes: usual spans, and the longest that there is.</summary>
    public static IReadOnlyList<int> Choices(TimeSpan most)
    {
        int[] usual = [5, 10, 20, 30, 60, 120, 240, 480, 1440];
        var all = (int)Math.Max(1, most.TotalMinutes);
        return [.. usual.Where(u => u < all), all];
    }

    public static string Of(Who who)
    {
        ArgumentNullException.ThrowIfNull(who);
        string[] parts =
        [
            .. who.Groups, .. who.Subjects.Select(s => s[(s.LastIndexOf('|') + 1)..]), .. who.Kinds.Select(k => $"any {Kind(k.ToString())}"),
            .. who.Issuers.Select(i => $"anybody of {i}"), .. who.Claims.Select(c => $"{c.Key} {c.Value}"),
        ];
        return parts.Length == 0 ? "nobody" : string.Join(" or ", parts);
    }

    /// <summary>What somebody may do there.</summary>
    public static string Of(Scope scope)
    {
        ArgumentNullException.ThrowIfNull(scope);
        var statements = scope.Statements.Count == 0 ? "any statement" : string.Join(", ", scope.Statements);
        return scope.Databases.Count == 0 ? $"{statements} in any database" : $"{statements} in {string.Join(", ", scope.Databases)}";
    }

    /// <summary>Who approves, in the order in which they do: `1 of dba, then 1 of security (from 30 min)`.</summary>
    public static string Of(IReadOnlyList<ApprovalStep> steps) => string.Join(", then ", steps.Select(s =>
        $"{s.Count} of {Of(s.From)}" + (s.UnlessDurationUnder is { } under ? $" (from {Of(under)} on)" : "")));

    /// <summary>Of ARIA's states, which are texts: an attribute without one says nothing.</summary>
    public static string YesNo(bool yes) => yes ? "true" : "false";

    public static string Count(long number, string one, string many) => string.Create(CultureInfo.InvariantCulture, $"{number:#,0} {(number == 1 ? one : many)}");

    /// <summary>`ActivationLapsed` → `activation lapsed`.</summary>
    public static string Kind(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return string.Concat(name.Select((c, i) => i > 0 && char.IsUpper(c) ? $" {char.ToLowerInvariant(c)}" : $"{char.ToLowerInvariant(c)}"));
    }

    /// <summary>What somebody said of what was done behind broken glass; without a verdict where it is not known which it was.</summary>
    public static string Found(Events.ReviewVerdict? verdict) => verdict switch
    {
        Events.ReviewVerdict.Approve => "found it in order",
        Events.ReviewVerdict.Deny => "found it not in order",
        _ => "has reviewed it",
    };

    /// <summary>How a state, a verdict or an outcome looks: `good`, `wait`, `bad`, `mask`, `plain`.</summary>
    public static string Tone(string state) => state switch
    {
        "Active" or "Approved" or "Released" or "Open" or "completed" or "allow" or "Enrolled" or "ready" => "good",
        "Submitted" or "Waiting" or "hold" or "held" or "flag" or "limit" or "Silent" or "Invited" or "planned" => "wait",
        "mask" or "masked" => "mask",
        "Denied" or "Refused" or "Revoked" or "Terminated" or "deny" or "refused" or "denied" or "failed" or "ActivationRefused" or "Lost" or "unavailable" => "bad",
        _ => "plain",
    };
}
