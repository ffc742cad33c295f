using AccessPlane.Contracts.Policy;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>The section `masks`.</summary>
internal static class PolicyMasks
{
    private static readonly string[] Keys = ["id", "resource", "columns", "detect", "with", "unless", "inference", "mode"];

    private static readonly Dictionary<string, Detector?> Detectors = new()
    {
        ["payment-card"] = Detector.PaymentCard,
        ["us-ssn"] = Detector.UsSsn,
        ["email"] = Detector.Email,
        ["phone"] = Detector.Phone,
        ["iban"] = Detector.Iban,
        ["jwt"] = Detector.Jwt,
        ["secret"] = Detector.Secret,
    };

    private static readonly Dictionary<string, MaskKind> Words =
        new() { ["redact"] = MaskKind.Redact, ["null"] = MaskKind.Null, ["hash"] = MaskKind.Hash, ["year"] = MaskKind.Year };

    private static readonly Dictionary<string, MaskKind> Counted =
        new() { ["keep-first"] = MaskKind.KeepFirst, ["keep-last"] = MaskKind.KeepLast, ["round"] = MaskKind.Round };

    private static readonly Dictionary<string, Inference> Inferences = new() { ["refuse"] = Inference.Refuse, ["allow"] = Inference.Allow };

    public static IReadOnlyList<Placed<MaskRule>> Read(PolicyFields fields, YamlNode? section) =>
        [.. fields.List(section).Select(node => Mask(fields, node)).OfType<Placed<MaskRule>>()];

    private static Placed<MaskRule>? Mask(PolicyFields fields, YamlNode node)
    {
        if (fields.Map(node, Keys) is not { } map)
        {
            return null;
        }
        var id = fields.Name(map, "id");
        var resource = fields.Name(map, "resource");
        var columns = fields.Patterns(map["columns"], 3);
        Detector[] detect = [.. fields.NotEmpty(map["detect"]).Select(d => fields.Choice(d, Detectors, null)).OfType<Detector>().Distinct()];
        var with = With(fields, fields.Required(map, "with"));
        if ((map["columns"] is null) == (map["detect"] is null))
        {
            fields.Problems.Error(map["detect"] ?? map, "give `columns`, or `detect`: a mask is for columns, or for what is found in any value");
        }
        else if (map["detect"] is not null)
        {
            if (with.Kind is MaskKind.Null or MaskKind.Year or MaskKind.Round)
            {
                fields.Problems.Error(map["with"]!, "what is found in a value is a piece of its text: `redact`, `hash`, `fixed`, `keep-first` or `keep-last`");
            }
            if (map["inference"] is { } stray)
            {
                fields.Problems.Error(stray, "`inference` is about columns: a detector sees values only");
            }
        }
        var mask = new MaskRule(
            id ?? "", resource ?? "", columns, detect, with, Unless(fields, map["unless"]), fields.Choice(map["inference"], Inferences, Inference.Refuse),
            PolicyGuardrails.Mode(fields, map["mode"]));
        return id is null ? null : new Placed<MaskRule>(mask, map);
    }

    public static Who? Unless(PolicyFields fields, YamlNode? node)
    {
        if (node is null)
        {
            return null;
        }
        var unless = PolicyEntitlements.Who(fields, node);
        if (unless.IsEmpty && !fields.Problems.Spoilt(node))
        {
            fields.Problems.Error(node, "names nobody");
        }
        return unless;
    }

    private static MaskWith With(PolicyFields fields, YamlNode? node)
    {
        switch (node)
        {
            case null:
                return MaskWith.Redact;
            case YamlScalar { IsNull: true, Value: "null" }: // what it means in YAML is what is meant
                return new MaskWith(MaskKind.Null);
            case YamlScalar { Value: "keep-first" or "keep-last" or "round" or "fixed" } word:
                fields.Problems.Error(word, $"`{word.Value}` needs to be told how: `{{ {word.Value}: {(word.Value == "fixed" ? "text" : "4")} }}`");
                return MaskWith.Redact;
            case YamlScalar word:
                return new MaskWith(fields.Choice(word, Words, MaskKind.Redact));
            case YamlMap { Entries.Count: 1 } map when map["fixed"] is { } text:
                return new MaskWith(MaskKind.Fixed, Text: fields.Text(text));
            case YamlMap { Entries: [var (key, value)] } when Counted.TryGetValue(key.Value, out var kind):
                return new MaskWith(kind, fields.Number(value, kind == MaskKind.Round ? 1 : 0, kind == MaskKind.Round ? 18 : 64, 4));
            default:
                fields.Problems.Error(
                    node, "must be one of `redact`, `null`, `hash`, `year`, `{ keep-first: N }`, `{ keep-last: N }`, `{ round: N }`, `{ fixed: text }`");
                return MaskWith.Redact;
        }
    }
}
