using AccessPlane.Contracts.Policy;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>The section `resources`.</summary>
internal static class PolicyResources
{
    private static readonly string[] Keys = ["id", "kind", "freeze-after", "kill-after", "evidence", "masking", "record-rows"];
    private static readonly string[] RowKeys = ["most", "bytes"];
    private static readonly Dictionary<string, string> Kinds = new() { ["postgresql"] = "postgresql" };
    private static readonly Dictionary<string, MaskingMode> Maskings = new() { ["wire"] = MaskingMode.Wire, ["server"] = MaskingMode.Server };
    private static readonly Dictionary<string, Contracts.Policy.Evidence> Levels = new() { ["buffered"] = Contracts.Policy.Evidence.Buffered, ["fsync"] = Contracts.Policy.Evidence.Fsync };

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
        var evidence = fields.Choice(map["evidence"], Levels, Contracts.Policy.Evidence.Buffered);
        var masking = fields.Choice(map["masking"], Maskings, MaskingMode.Wire);
        var terms = new ResourceTerms(id ?? "", kind, freeze, kill, evidence) { Masking = masking, RecordRows = RecordRows(fields, map["record-rows"]) };
        return id is null ? null : new Placed<ResourceTerms>(terms, map);
    }

    private static RecordedRows? RecordRows(PolicyFields fields, YamlNode? node)
    {
        if (fields.Map(node, RowKeys) is not { } map)
        {
            return null;
        }
        var most = fields.Number(fields.Required(map, "most"), 1, RecordedRows.MostOfAny, 1);
        return new RecordedRows(most, (int)(fields.Size(map["bytes"], RecordedRows.BytesOfAny) ?? 64 << 10));
    }
}
