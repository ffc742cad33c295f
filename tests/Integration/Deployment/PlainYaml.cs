using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;
using YamlDotNet.Serialization;

namespace AccessPlane.Tests.Integration.Deployment;

/// <summary>YAML as plain values: text, long, bool, null, lists and maps. Keys that stand twice are refused by the reader; merges (`&lt;&lt;`) are carried out.</summary>
internal static class PlainYaml
{
    private static readonly ISerializer Writer = new SerializerBuilder().WithQuotingNecessaryStrings().Build();

    public static IReadOnlyList<object?> Documents(string text)
    {
        var stream = new YamlStream();
        stream.Load(new MergingParser(new Parser(new StringReader(text))));
        return [.. stream.Documents.Select(d => Plain(d.RootNode))];
    }

    public static Dictionary<string, object?> Map(string text) => (Dictionary<string, object?>)Documents(text).Single()!;

    public static string Write(object? value) => Writer.Serialize(value!).TrimEnd('\n');

    /// <summary>What stands at a path such as `spec.template`; null where there is nothing.</summary>
    public static object? At(this object? value, string path) =>
        path.Split('.').Aggregate(value, (at, name) => at is Dictionary<string, object?> map ? map.GetValueOrDefault(name) : null);

    public static IReadOnlyList<object?> Items(this object? value, string path) => (List<object?>?)value.At(path) ?? [];

    public static Dictionary<string, object?> Members(this object? value, string path) => (Dictionary<string, object?>?)value.At(path) ?? [];

    private static object? Plain(YamlNode node) => node switch
    {
        YamlMappingNode map => map.Children.ToDictionary(c => ((YamlScalarNode)c.Key).Value!, c => Plain(c.Value)),
        YamlSequenceNode list => list.Children.Select(Plain).ToList(),
        YamlScalarNode { Style: ScalarStyle.Plain } scalar => Scalar(scalar.Value!),
        YamlScalarNode scalar => scalar.Value,
        _ => throw new InvalidOperationException($"a {node.NodeType} is not read"),
    };

    private static object? Scalar(string text) => text switch
    {
        "" or "null" or "~" => null,
        "true" => true,
        "false" => false,
        _ => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : text,
    };
}
