using AccessPlane.Contracts.Policy;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>The section `resources`.</summary>
internal static class PolicyResources
{
    private static readonly string[] Keys = ["id", "kind", "freeze-after", "kill-after", "evidence", "masking"];
    private static readonly Dictionary<string, string> Kinds = new() { ["postgresql"] = "postgresql" };
    private static readonly Dictionary<string, bool> Maskings = new() { ["wire"] = true };
    private static readonly Dictionary<string, Evidence> Levels = new() { ["buffered"] = Evidence.Buffered, ["fsync"] = Evidence.Fsync };

    public static IReadOnlyList<Placed<ResourceTerms>> Read(PolicyFields fields, YamlNode? section) =>
        [.. fields.List(section).Select(node => Resource(fields, node)).OfType<Placed<ResourceTerms>>()];

    private static Placed<ResourceTerms>? Resource(PolicyFields fields, YamlNode node)
    {
        if (fields.Map(node, Keys) is not { } map)
        {
            return null;
        }
        var id = fields.Name(map, "id");
        var kind = fields.Choice(fields.Required(map, "kind"), Kinds, "postgresql");
        var freeze = fields.Duration(map["freeze-after"], TimeSpan.FromSeconds(10));
        var kill = fields.Duration(map["kill-after"], TimeSpan.FromMinutes(5));
        if (kill <= freeze)
        {
            fields.Problems.Error(map["kill-after"] ?? map["freeze-after"] ?? map, "`kill-after` must be longer than `freeze-after`");
        }
        // INVARIANT: what is not enforced is refused, never silently ignored
        if (map["masking"] is YamlScalar { Value: "server" } server)
        {
            fields.Problems.Error(server, $"`masking: server` is {PolicyFields.NotSupportedYet}: `wire` is");
        }
        else
        {
            fields.Choice(map["masking"], Maskings, true);
        }
        var evidence = fields.Choice(map["evidence"], Levels, Evidence.Buffered);
        return id is null ? null : new Placed<ResourceTerms>(new ResourceTerms(id, kind, freeze, kill, evidence), map);
    }
}
