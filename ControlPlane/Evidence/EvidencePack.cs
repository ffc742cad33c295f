using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Evidence;
using AccessPlane.ControlPlane.Keys;

namespace AccessPlane.ControlPlane.Evidence;

/// <summary>
/// A case as one JSON document that `infra/verify-evidence` checks without this server: `kind`, `export`, `about`, `window`, `exportedAt`, `exportedBy`,
/// `key`, and `keys` where it is not the first: how one followed another; `events` with the exact stored texts and each one's place in a checkpoint; `sessions` with their heads' places in the last checkpoint and
/// every segment as its agent signed it; `checkpoints`; and last the control plane's `signature` over
/// <c>accessplane.evidence.v1</c>, a line feed, and the SHA-256 (lower-case hex) of every byte before <c>,"signature":</c>.
/// </summary>
public sealed class EvidencePack(EvidenceLog evidence, SigningKeys keys, KeyWatch watch)
{
    public const string Kind = "accessplane.evidence.v1";

    public async Task Write(EvidenceCase about, Stream body, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(about);
        ArgumentNullException.ThrowIfNull(body);
        // the checkpoints that it ends with were signed before: by no key that this one does not know of
        await watch.Look(cancel);
        var key = keys.SigningPublicKey;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var bytes = new ArrayBufferWriter<byte>();
        await using var json = new Utf8JsonWriter(bytes, new JsonWriterOptions { Encoder = Json.Options.Encoder });
        var proofs = new EvidenceProofs(evidence, about.Chain);
        json.WriteStartObject();
        Begin(json, about, key);
        json.WriteStartArray("events");
        await foreach (var logged in evidence.Streams(about.Streams, about.Agents, about.Chain.Tip, cancel))
        {
            Write(json, new ProvenEvent(
                logged.Position, logged.Stream, logged.Version, logged.Id, logged.Type, logged.At, logged.Correlation, logged.Causation, logged.Headers,
                logged.Data, await proofs.OfEvent(logged.Position, cancel)));
            await Send();
        }
        json.WriteEndArray();
        json.WriteStartArray("sessions");
        foreach (var head in about.Sessions)
        {
            json.WriteStartObject();
            json.WritePropertyName("head");
            Write(json, head);
            json.WritePropertyName("proof");
            Write(json, proofs.OfSession(head.Session));
            json.WriteStartArray("segments");
            await foreach (var logged in evidence.Segments(head.Session, about.Chain.Tip, cancel))
            {
                var t = (TranscriptRecorded)logged.Event;
                Write(json, new PackedSegment(logged.Position, t.Number, t.FirstSeq, t.LastSeq, t.PreviousHead, t.Head, t.Final, t.Entries, t.Signature));
                await Send();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        proofs.Use(about.Window?.After ?? 0);
        proofs.Use(about.Window?.UpTo ?? 0);
        json.WriteStartArray("checkpoints");
        foreach (var part in proofs.Checkpoints.Chunk(500))
        {
            foreach (var taken in await evidence.Checkpoints(part, cancel))
            {
                var counted = taken.Checkpoint.Number == about.Window?.After || taken.Checkpoint.Number == about.Window?.UpTo;
                Write(json, new PackedCheckpoint(taken.Checkpoint, counted ? taken.Counts : null));
            }
            await Send();
        }
        json.WriteEndArray();
        await Send();
        var seal = keys.Sign(Encoding.UTF8.GetBytes($"{Kind}\n{Convert.ToHexStringLower(hash.GetHashAndReset())}"), key);
        await body.WriteAsync(Encoding.UTF8.GetBytes($",\"signature\":\"{seal}\"}}"), cancel);

        async Task Send()
        {
            json.Flush();
            hash.AppendData(bytes.WrittenSpan);
            await body.WriteAsync(bytes.WrittenMemory, cancel);
            bytes.ResetWrittenCount();
        }
    }

    private void Begin(Utf8JsonWriter json, EvidenceCase about, string key)
    {
        json.WriteString("kind", Kind);
        json.WriteString("export", about.Export.Export);
        Member("about", about.About);
        if (about.Window is not null)
        {
            Member("window", about.Window);
        }
        Member("exportedAt", about.ExportedAt);
        Member("exportedBy", about.Export.By);
        json.WriteString("key", key);
        if (watch.Known.Ring is { Announced.Count: > 0 } ring)
        {
            Member("keys", ring.Announced);
        }

        void Member<T>(string name, T value)
        {
            json.WritePropertyName(name);
            Write(json, value);
        }
    }

    private static void Write<T>(Utf8JsonWriter json, T value) => JsonSerializer.Serialize(json, value, Json.Options);

    private sealed record ProvenEvent(
        long Position, Guid Stream, long Version, Guid Id, string Type, string At, string? Correlation, string? Causation, string? Headers, string Data,
        InclusionProof Proof);

    private sealed record PackedSegment(
        long Position, int Number, long FirstSeq, long LastSeq, string PreviousHead, string Head, bool Final, string Entries, string Signature);

    /// <param name="Counts">Where the period begins and where it ends.</param>
    private sealed record PackedCheckpoint(Checkpoint Checkpoint, IReadOnlyList<SessionCount>? Counts);
}
