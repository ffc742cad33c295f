using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Evidence;
using AccessPlane.ControlPlane.Evidence;

namespace AccessPlane.Tests.Integration.Checkpoints;

/// <summary>A pack in the hands of somebody who can sign: what they change is sealed again, so that nothing but the change can give it away.</summary>
internal sealed class ForgedPack(string pack)
{
    private readonly JsonObject json = JsonNode.Parse(pack)!.AsObject();

    public JsonArray Events => json["events"]!.AsArray();
    public JsonArray Sessions => json["sessions"]!.AsArray();
    public JsonArray Checkpoints => json["checkpoints"]!.AsArray();

    public JsonArray SegmentsOf(Guid session) => Session(session)["segments"]!.AsArray();

    public JsonObject Session(Guid session) => Sessions.Single(s => s!["head"]!["session"]!.GetValue<Guid>() == session)!.AsObject();

    public JsonObject Event(string type) => Events.First(e => e!["type"]!.GetValue<string>() == type)!.AsObject();

    public static void Swap(JsonArray list, int one, int other)
    {
        var (a, b) = (list[one]!.DeepClone(), list[other]!.DeepClone());
        (list[one], list[other]) = (b, a);
    }

    public string Sealed(Func<byte[], string> sign)
    {
        json.Remove("signature");
        var body = json.ToJsonString(Json.Options)[..^1];
        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(body)));
        return $"{body},\"signature\":\"{sign(Encoding.UTF8.GetBytes($"{EvidencePack.Kind}\n{digest}"))}\"}}";
    }

    /// <summary>Signs every checkpoint and the pack anew, links and all.</summary>
    /// <param name="publicKey">Of the key that signs.</param>
    public string SignedBy(Func<byte[], string> sign, string publicKey, Func<Checkpoint, Checkpoint>? change = null)
    {
        var renamed = new Dictionary<string, string>();
        foreach (var packed in Checkpoints)
        {
            var old = packed!["checkpoint"]!.Deserialize<Checkpoint>(Json.Options)!;
            var made = (change?.Invoke(old) ?? old) with
            {
                Previous = renamed.GetValueOrDefault(old.Previous, old.Previous),
                Skip = renamed.GetValueOrDefault(old.Skip, old.Skip),
                Key = publicKey,
            };
            renamed[old.Hash()] = made.Hash();
            packed["checkpoint"] = JsonSerializer.SerializeToNode(made with { Signature = sign(made.SignedBytes()) }, Json.Options);
        }
        json["key"] = publicKey;
        return Sealed(sign);
    }
}
