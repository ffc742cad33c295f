using System.Globalization;
using System.Text.RegularExpressions;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>The section `limits`.</summary>
internal static partial class PolicyLimits
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
            id ?? "", fields.Name(map, "resource") ?? "", Number("rows-per-statement"), Size(fields, map["bytes-per-statement"]), Number("statements-per-second"),
            fields.Duration(map["statement-timeout"]), fields.Duration(map["idle"]), Number("connections"), PolicyMasks.Unless(fields, map["unless"]),
            fields.Duration(map["idle-in-transaction"]), fields.Duration(map["session"]));
        if (!Bounds.Any(b => map[b] is not null))
        {
            fields.Problems.Error(map, $"bounds nothing: give one of {string.Join(", ", Bounds.Select(b => $"`{b}`"))}");
        }
        return id is null ? null : new Placed<LimitRule>(limit, map);
    }

    private static long? Size(PolicyFields fields, YamlNode? node)
    {
        if (node is null)
        {
            return null;
        }
        if (node is YamlScalar scalar && Sizes().Match(scalar.Value) is { Success: true } size)
        {
            var number = long.Parse(size.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture);
            return number << (size.Groups[2].Value switch { "KiB" => 10, "MiB" => 20, "GiB" => 30, _ => 0 });
        }
        fields.Problems.Error(node, "must be a size such as `64MiB`: a number with `B`, `KiB`, `MiB` or `GiB`");
        return null;
    }

    // seven digits of the largest unit fit
    [GeneratedRegex("^([1-9][0-9]{0,6})(B|KiB|MiB|GiB)$", RegexOptions.CultureInvariant)]
    private static partial Regex Sizes();
}
