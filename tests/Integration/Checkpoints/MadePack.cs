using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Evidence;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Evidence;

namespace AccessPlane.Tests.Integration.Checkpoints;

/// <summary>An exported document in the hands of somebody who can seal it anew, so that nothing but what they change can give it away.</summary>
internal sealed class MadePack(JsonObject document, MadeEvidence made)
{
    public JsonObject Document => document;
    public JsonArray Events => document["events"]!.AsArray();
    public JsonArray Sessions => document["sessions"]!.AsArray();
    public JsonArray Checkpoints => document["checkpoints"]!.AsArray();

    public JsonObject Event(string type) => Events.First(e => e!["type"]!.GetValue<string>() == type)!.AsObject();

    public JsonArray SegmentsOf(MadeSession session) => Sessions.Single(s => s!["head"]!["session"]!.GetValue<Guid>() == session.Id)!["segments"]!.AsArray();

    /// <summary>Has the control plane sign something else as the last checkpoint.</summary>
    public void ChangeLast(Func<Checkpoint, Checkpoint> change)
    {
        var last = Checkpoints[Checkpoints.Count - 1]!;
        var changed = change(last["checkpoint"]!.Deserialize<Checkpoint>(Json.Options)!);
        last["checkpoint"] = JsonSerializer.SerializeToNode(MadeEvidence.Signed(changed, made.Signer), Json.Options);
    }

    /// <param name="by">The key that seals it where that is another one than the document names.</param>
    public string Sealed(ECDsa? by = null)
    {
        document.Remove("signature");
        var body = document.ToJsonString(Json.Options)[..^1];
        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(body)));
        return $"{body},\"signature\":\"{Signatures.Sign(by ?? made.Signer, Encoding.UTF8.GetBytes($"{EvidencePack.Kind}\n{digest}"))}\"}}";
    }
}
