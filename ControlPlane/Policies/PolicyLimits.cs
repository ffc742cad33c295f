using AccessPlane.Contracts.Policy;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>The section `limits`.</summary>
internal static class PolicyLimits
{
    private static readonly string[] Bounds =
        ["rows-per-statement", "bytes-per-statement", "statements-per-second", "statement-timeout", "idle", "idle-in-transaction", "session", "connections"];

    private static readonly string[] Keys = ["id", "resource", .. Bounds, "unless"];

    public static IReadOnlyList<Placed<LimitRule>> Read(PolicyFields fields, YamlNode? section) =>
        [.. fields.List(section).Select(node => Limit(fields, node)).OfType<Placed<LimitRule>>()];

    private static Placed<LimitRule>? Limit(PolicyFields fields, YamlNode node)
    {
        if (fields.Map(node, Keys) is not { } map)
        {
            return null;
        }
        int? Number(string key) => map[key] is { } number ? fields.Number(number, 1, int.MaxValue, 1) : null;
        var id = fields.Name(map, "id");
        var limit = new LimitRule(
            id ?? "", fields.Name(map, "resource") ?? "", Number("rows-per-statement"), fields.Size(map["bytes-per-statement"]), Number("statements-per-second"),
            fields.Duration(map["statement-timeout"]), fields.Duration(map["idle"]), Number("connections"), PolicyMasks.Unless(fields, map["unless"]),
            fields.Duration(map["idle-in-transaction"]), fields.Duration(map["session"]));
        if (!Bounds.Any(b => map[b] is not null))
        {
            fields.Problems.Error(map, $"bounds nothing: give one of {string.Join(", ", Bounds.Select(b => $"`{b}`"))}");
        }
        return id is null ? null : new Placed<LimitRule>(limit, map);
    }
}
