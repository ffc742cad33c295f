using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.ControlPlane.Console;

/// <summary>A session's transcript as a row of moments: each statement with its result and with what people decided about it.</summary>
/// <param name="Length">Of the session, in milliseconds.</param>
public sealed record Replay(SessionStart? Start, IReadOnlyList<Replay.Moment> Moments, long Length)
{
    /// <param name="Offset">Milliseconds from the session's begin.</param>
    /// <param name="Entry">What began it: the statement, or what happened to the session.</param>
    public sealed record Moment(long Offset, TranscriptEntry Entry)
    {
        private readonly List<TranscriptEntry> seen = [];

        /// <summary>What its client was sent, where that is recorded: the rows of each result, and with the last of them how many more there were.</summary>
        public IReadOnlyList<TranscriptEntry> Seen => seen;

        public TranscriptEntry? Result { get; internal set; }
        public TranscriptEntry? Hold { get; internal set; }
        public TranscriptEntry? HoldEnded { get; internal set; }

        public bool IsStatement => Entry.Kind == "statement";

        internal void Add(TranscriptEntry rows)
        {
            if (rows is { Values: null, RowsOmitted: { } more } && seen is [.., var last])
            {
                seen[^1] = last with { RowsOmitted = (last.RowsOmitted ?? 0) + more, BytesOmitted = (last.BytesOmitted ?? 0) + (rows.BytesOmitted ?? 0) };
                return;
            }
            seen.Add(rows);
        }

        /// <summary>What stands out: `bad` was refused or failed, `wait` had to wait, `mask` came back with values hidden.</summary>
        public string Tone => Entry.Effect == Effect.Deny || Result?.Outcome is "refused" or "failed" ? "bad"
            : Hold is not null ? "wait"
            : Entry.Effect == Effect.Mask || Result?.Masked > 0 ? "mask"
            : Entry.Kind is "end" or "freeze" or "gap" && Entry.Cause is not (null or "closed") ? "bad"
            : "plain";

        /// <summary>In a word.</summary>
        public string Told => !IsStatement ? Entry.Kind
            : Result?.Outcome is { } outcome && outcome != "completed" ? outcome
            : Hold is not null ? HoldEnded?.Outcome ?? "held"
            : Result?.Masked > 0 ? "masked"
            : Result is null ? "running"
            : Entry.Effect is { } effect && effect != Effect.Allow ? effect.ToString().ToLowerInvariant() : "completed";
    }

    public static Replay Of(IReadOnlyList<string> lines) => Of([.. (lines ?? throw new ArgumentNullException(nameof(lines))).Select(l => JsonSerializer.Deserialize<TranscriptEntry>(l, Json.Options)!)]);

    public static Replay Of(IReadOnlyList<TranscriptEntry> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        var begin = entries.Count > 0 ? entries[0].At : default;
        var moments = new List<Moment>();
        var statements = new Dictionary<long, Moment>();
        foreach (var entry in entries)
        {
            var running = entry.Op is { } op ? statements.GetValueOrDefault(op) : null;
            switch (entry.Kind)
            {
                case "facts" or "scope" or "start":
                    break; // what statements were judged by: asked for with a statement's explanation
                case "result" when running is not null:
                    running.Result = entry;
                    break;
                case "rows" when running is not null:
                    running.Add(entry);
                    break;
                case "hold" when running is not null:
                    running.Hold = entry;
                    break;
                case "hold-ended" when running is not null:
                    running.HoldEnded = entry;
                    break;
                default:
                    // an agent's clock that was put right may go back: no moment lies before the session
                    var moment = new Moment(Math.Max(0, (long)(entry.At - begin).TotalMilliseconds), entry);
                    moments.Add(moment);
                    if (entry is { Kind: "statement", Op: { } number })
                    {
                        statements[number] = moment;
                    }
                    break;
            }
        }
        var last = entries.Count > 0 ? entries.Max(e => e.At) : default;
        return new Replay(entries.FirstOrDefault(e => e.Start is not null)?.Start, moments, Math.Max(1, (long)(last - begin).TotalMilliseconds));
    }
}
