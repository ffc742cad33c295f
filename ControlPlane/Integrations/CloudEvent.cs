using System.Text.Json;
using System.Text.Json.Nodes;
using AccessPlane.Contracts;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>CloudEvents 1.0 in its JSON format, structured.</summary>
/// <param name="Id">The same whenever and wherever it is sent: who takes it twice can tell.</param>
/// <param name="Type">Begins with `accessplane.`.</param>
/// <param name="Extensions">Further attributes: lower case letters and digits. Texts, because the numbers of CloudEvents have 32 bits.</param>
internal sealed record CloudEvent(
    string Id, string Source, string Type, string Subject, DateTimeOffset Time, IReadOnlyList<(string Name, string Value)> Extensions, JsonNode Data)
{
    public const string MediaType = "application/cloudevents+json";
    public const string BatchMediaType = "application/cloudevents-batch+json";

    public byte[] ToBytes()
    {
        var json = new JsonObject
        {
            ["specversion"] = "1.0",
            ["id"] = Id,
            ["source"] = Source,
            ["type"] = Type,
            ["subject"] = Subject,
            ["time"] = JsonSerializer.SerializeToNode(Time, Json.Options),
            ["datacontenttype"] = "application/json",
        };
        foreach (var (name, value) in Extensions)
        {
            json[name] = value;
        }
        json["data"] = Data;
        return JsonSerializer.SerializeToUtf8Bytes(json, Json.Options);
    }

    /// <summary>Where the events come from: the public address, or a name where there is none.</summary>
    public static string SourceOf(string url) => url.Length > 0 ? url : "urn:accessplane";
}
