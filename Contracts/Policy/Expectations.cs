using System.Globalization;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Contracts.Policy;

/// <summary>One rule, as somebody should know it who is about to ask for access.</summary>
/// <param name="Rule">Its id.</param>
/// <param name="Effect">Deny, Hold, Mask or Limit.</param>
/// <param name="What">What it is about: `update, delete without a condition`.</param>
/// <param name="Then">What comes of that: `held up to 5 min (1 min inside a transaction) for 1 of dba`.</param>
public sealed record Expectation(string Rule, Effect Effect, string What, string Then);

/// <summary>
/// What somebody has to reckon with on a resource: what is refused, what waits for people, what is hidden, what is bounded; the strongest first. What is only
/// watched is left out, because nothing changes by it, and so is what does not apply to them.
/// </summary>
public static class Expectations
{
    public static IReadOnlyList<Expectation> Of(PolicyModel policy, string resource, Actor who)
    {
        ArgumentNullException.ThrowIfNull(policy);
        var byServer = policy.Resource(resource)?.Masking == MaskingMode.Server;
        IEnumerable<Expectation> all =
        [
            .. from rule in policy.Guardrails
               where rule.Resource == resource && !rule.IsObservedIn(policy.Mode) && rule.Strength() >= Effect.Limit
               select new Expectation(rule.Id, rule.Strength(), What(rule.Match), Then(rule)),
            .. from mask in policy.Masks
               where mask.Resource == resource && (mask.Mode ?? policy.Mode) == PolicyMode.Enforce && !policy.Excepts(mask.Unless, who)
               select new Expectation(mask.Id, Effect.Mask, What(mask), Then(mask, byServer)),
            .. from limit in SessionLimits.Rules(policy, resource, who)
               select new Expectation(limit.Id, Effect.Limit, "any session", Then(limit)),
        ];
        return [.. all.OrderByDescending(e => e.Effect)];
    }

    private static string What(Match match)
    {
        string?[] parts =
        [
            match.Statements.Count == 0 ? "any statement" : string.Join(", ", match.Statements),
            match.Access switch { RelationAccess.Read => "that reads", RelationAccess.Write => "that writes", _ => match.Relations.Count > 0 ? "on" : null },
            match.Relations.Count > 0 ? string.Join(" or ", match.Relations) : match.Access is null ? null : "a table",
            match.Columns.Count + match.Places.Count == 0 ? null :
                $"with {(match.Columns.Count == 0 ? "a column" : string.Join(" or ", match.Columns))}{(match.Places.Count == 0 ? "" : $" as {string.Join(" or ", match.Places.Select(p => Words.Kind(p.ToString())))}")}",
            match.Functions.Count == 0 ? null : $"calling {string.Join(" or ", match.Functions)}",
            match.Unbounded switch { true => "without a condition", false => "with a condition", null => null },
            match.Several switch { true => "of several at once", false => "alone", null => null },
            match.InTransaction switch { true => "inside a transaction", false => "outside of a transaction", null => null },
            match.Unknown switch { true => "that is not understood", false => "that is understood", null => null },
            match.Opaque switch { true => "that may do more than can be read", false => "that can be read whole", null => null },
            match.RiskAtLeast is null ? null : "of great risk", // how great is for who writes it
        ];
        return string.Join(' ', parts.OfType<string>());
    }

    private static string Then(Guardrail rule)
    {
        string?[] parts =
        [
            rule.Effect switch
            {
                Effect.Deny => "refused",
                Effect.Hold when rule.Hold is { } hold => $"held up to {Words.Of(hold.Timeout)} ({Words.Of(hold.InTransaction)} inside a transaction) for {hold.Count} of {Words.Of(hold.From)}",
                _ => null,
            },
            rule.MaxRows is { } rows && rule.Effect != Effect.Deny ? $"rolled back beyond {Words.Count(rows, "changed row", "changed rows")}" : null,
            rule.Message,
        ];
        return string.Join("; ", parts.OfType<string>());
    }

    private static string What(MaskRule mask) => mask.Columns.Count > 0
        ? string.Join(", ", mask.Columns)
        : $"{string.Join(", ", mask.Detect.Select(d => Words.Kind(d.ToString())))} in any value";

    private static string Then(MaskRule mask, bool byServer) => mask.With.Kind switch
    {
        MaskKind.KeepFirst => $"no more shown than the first {Number(mask.With.Keep)}",
        MaskKind.KeepLast => $"no more shown than the last {Number(mask.With.Keep)}",
        MaskKind.Null => "shown as null",
        MaskKind.Hash => "shown as a hash",
        MaskKind.Fixed => $"shown as {mask.With.Text}",
        MaskKind.Year => "no more shown than the year",
        MaskKind.Round => "shown rounded",
        _ => "hidden",
    } + (mask.Columns.Count == 0 ? ""
        : byServer ? ", compared and sorted as shown, and not written"
        : mask.Inference == Inference.Refuse ? ", and not compared, sorted or computed with" : "");

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Then(LimitRule limit)
    {
        string?[] parts =
        [
            limit.RowsPerStatement is { } rows ? $"{Words.Count(rows, "row", "rows")} a statement" : null,
            limit.BytesPerStatement is { } bytes ? $"{Bytes(bytes)} a statement" : null,
            limit.StatementsPerSecond is { } rate ? $"{Words.Count(rate, "statement", "statements")} a second" : null,
            limit.StatementTimeout is { } timeout ? $"a statement ends after {Words.Of(timeout)}" : null,
            limit.Idle is { } idle ? $"ends when idle for {Words.Of(idle)}" : null,
            limit.IdleInTransaction is { } inside ? $"ends when idle in a transaction for {Words.Of(inside)}" : null,
            limit.Session is { } session ? $"ends after {Words.Of(session)}" : null,
            limit.Connections is { } connections ? $"{Words.Count(connections, "connection", "connections")} at a time" : null,
        ];
        return string.Join("; ", parts.OfType<string>());
    }

    private static string Bytes(long bytes) => bytes switch
    {
        >= 1 << 30 when bytes % (1 << 30) == 0 => $"{Words.Count(bytes >> 30, "GiB", "GiB")}",
        >= 1 << 20 when bytes % (1 << 20) == 0 => $"{Words.Count(bytes >> 20, "MiB", "MiB")}",
        >= 1 << 10 when bytes % (1 << 10) == 0 => $"{Words.Count(bytes >> 10, "KiB", "KiB")}",
        _ => Words.Count(bytes, "byte", "bytes"),
    };
}
