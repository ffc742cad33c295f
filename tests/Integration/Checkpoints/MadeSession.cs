using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.Tests.Unit.Domain;

namespace AccessPlane.Tests.Integration.Checkpoints;

/// <summary>A session as its agent seals it, part by part, each in the log as soon as it is sealed.</summary>
internal sealed class MadeSession
{
    private readonly MadeEvidence made;
    private readonly byte[] head;
    private long operations;

    /// <param name="number">The agent's count.</param>
    /// <param name="key">The agent's that signs; the first one where it is left out.</param>
    /// <param name="previous">The one before it, as it says.</param>
    public MadeSession(MadeEvidence made, long number, ECDsa? key = null, Guid? previous = null)
    {
        this.made = made;
        Id = new Guid($"0199aaaa-0000-7000-8000-{number:D12}");
        head = HashChain.Begin(Id);
        made.Append(Id, new SessionOpened(
            Id, MadeEvidence.Grant, "orders", MadeEvidence.Agent, People.Engineer, "orders", "127.0.0.1:5", "psql", World.Noon, number, 1, "orders-write", Previous: previous));
        Seals(key, new TranscriptEntry(0, World.Noon, "start", new SessionStart(
            Id, MadeEvidence.Grant, "orders-write", "orders", MadeEvidence.Agent, number, People.Engineer, "orders", "127.0.0.1:5", "psql", "token", 1, "15.4", Previous: previous)));
    }

    public Guid Id { get; }

    /// <summary>Of the exported transcript, each with its hash.</summary>
    public List<string> Lines { get; } = [];

    public List<SealedSegment> Segments { get; } = [];

    /// <summary>A part with one operation.</summary>
    public MadeSession Says(string text, ECDsa? key = null)
    {
        operations++;
        return Seals(
            key,
            new TranscriptEntry(0, World.Noon, "statement", Op: operations, Protocol: "simple", Text: text, Statements: ["select"], Effect: Effect.Allow, Policy: 1),
            new TranscriptEntry(0, World.Noon, "result", Op: operations, Outcome: "completed", Status: "I", Rows: 1, Tag: "SELECT 1"));
    }

    /// <summary>A part with these entries, whose numbers are those of their places.</summary>
    public MadeSession Seals(ECDsa? key, params TranscriptEntry[] entries) => Seal(key, false, entries);

    public MadeSession Ends(ECDsa? key = null)
    {
        Seal(key, true, [new TranscriptEntry(0, World.Noon, "end", Cause: "closed")]);
        made.Append(Id, new SessionClosed(World.Noon, "closed"));
        return this;
    }

    private MadeSession Seal(ECDsa? key, bool final, TranscriptEntry[] entries)
    {
        var (before, first) = (Convert.ToHexStringLower(head), Lines.Count + 1);
        var sealedText = new StringBuilder();
        foreach (var entry in entries)
        {
            var line = JsonSerializer.Serialize(entry with { Seq = Lines.Count + 1 }, Json.Options);
            HashChain.Advance(head, Encoding.UTF8.GetBytes(line));
            Lines.Add(HashChain.Export(line, head));
            sealedText.Append(line).Append('\n');
        }
        var s = new Segment(
            Id, MadeEvidence.Agent, Segments.Count + 1, first, Lines.Count, before, Convert.ToHexStringLower(head), final, sealedText.ToString(), "").SignWith(key ?? made.AgentKey);
        Segments.Add(new SealedSegment(s.Session, s.Agent, s.Number, s.FirstSeq, s.LastSeq, s.PreviousHead, s.Head, s.Final, s.Signature));
        made.Append(Id, new TranscriptRecorded(s.Session, s.Agent, s.Number, s.FirstSeq, s.LastSeq, s.PreviousHead, s.Head, s.Final, s.Entries, s.Signature));
        return this;
    }
}
