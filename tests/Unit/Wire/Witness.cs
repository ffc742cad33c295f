using System.Text;
using System.Text.Json;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>A judge that denies some kinds of statement, and a record that is kept in memory.</summary>
internal sealed class Witness(params string[] denied) : IPgOversight
{
    public sealed record Operation(long Op, string Protocol, string Text, Effect Effect);

    public sealed record Outcome(long Op, string Kind, char Status, long Rows, string Tag, string Code);

    public List<Operation> Operations { get; } = [];
    public List<Outcome> Results { get; } = [];
    public List<string> Facts { get; } = [];

    /// <summary>What was judged: its first kind, and whether inside a transaction.</summary>
    public List<(string Kind, bool InTransaction)> Judged { get; } = [];

    /// <summary>The disk takes nothing more.</summary>
    public bool IsFull { get; set; }

    /// <summary>Rows that a write may change.</summary>
    public long? MostWritten { get; init; }

    public HashSet<string> Denied { get; } = [.. denied];

    public Ruling Judge(StatementFacts facts, bool inTransaction)
    {
        Judged.Add((facts.Kinds is [var first, ..] ? first : "", inTransaction));
        var effect = facts.Unknown is not null || facts.Refused is not null || facts.Kinds.Any(Denied.Contains) ? Effect.Deny : Effect.Allow;
        effect = effect == Effect.Allow && facts.Kinds.Any(Held.Contains) ? Effect.Hold : effect;
        if (effect != Effect.Deny && MaskPlan.Of(facts, Masks).Refusal is { } refusal)
        {
            return new Ruling(Effect.Deny, [refusal], 1);
        }
        return new Ruling(effect, [new Reason("test", effect, "as the test wants it")], 1)
        {
            Masks = Masks,
            RecordRows = RecordRows,
            Hold = effect == Effect.Hold ? Terms : null,
            MaxRows = MostWritten is { } most ? new Limit<long>(most, "few-writes") : null,
        };
    }

    public SessionLimits Limits { get; set; } = SessionLimits.None;

    public byte[] MaskKey { get; set; } = new byte[32];

    /// <summary>How often the server was asked to stop.</summary>
    public int Stops { get; private set; }

    public void StopStatement() => Stops++;

    public long Statement(string protocol, ReadOnlySpan<byte> text, in BoundParameters parameters, StatementFacts facts, Ruling ruling)
    {
        if (IsFull)
        {
            throw new IOException("full");
        }
        Operations.Add(new Operation(Operations.Count + 1, protocol, Encoding.UTF8.GetString(text), ruling.Effect));
        return Operations.Count;
    }

    public void Result(long op, in OperationResult result) => Results.Add(new Outcome(
        op, result.Outcome, (char)result.Status, result.Rows, Encoding.UTF8.GetString(result.Tag), Encoding.UTF8.GetString(result.ErrorCode)));

    /// <summary>How much of what statements return is recorded.</summary>
    public RecordedRows? RecordRows { get; init; }

    /// <summary>The entries of the kind `rows`, as the transcript has them.</summary>
    public List<TranscriptEntry> Rows { get; } = [];

    bool IPgOversight.Rows(long op, in SeenRows rows)
    {
        using var writer = new TranscriptWriter();
        writer.Begin(1, default, "rows"u8);
        writer.Operation(op);
        writer.Rows(IsFull ? rows.Counted() : rows);
        Rows.Add(JsonSerializer.Deserialize<TranscriptEntry>(writer.End(), Json.Strict)!);
        return !IsFull;
    }

    public string Identity { get; set; } = "role\ndatabase";

    public HashSet<string> Held { get; } = [];

    public HoldTerms Terms { get; set; } = new(Who.Nobody with { Groups = ["dba"] }, 1, TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(1));

    public List<PgHold> Parked { get; } = [];

    public void Park(PgHold hold) => Parked.Add(IsFull ? throw new IOException("full") : hold);

    public void Settled(PgHold hold)
    {
        if (IsFull)
        {
            throw new IOException("full");
        }
        Facts.Add($"hold-ended: {hold.Outcome} by {hold.By}");
    }

    public List<string> Detections { get; } = [];

    public void Detected(long op, string rule, Detector detector, string column, int count) => Detections.Add($"{op} {rule} {detector} {column} {count}");

    /// <summary>The masks in force.</summary>
    public IReadOnlyList<MaskRule> Masks { get; set; } = [];

    public void Fact(string kind, string? note) => Facts.Add($"{kind}: {note}");
}
