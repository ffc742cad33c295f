using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.Projections;

/// <summary>One statement of one session.</summary>
/// <param name="Verdict">What the policy said: allow, flag, limit, mask, hold, deny.</param>
/// <param name="Outcome">completed, failed, refused, cancelled, unknown; null while it runs.</param>
/// <param name="Duration">Microseconds.</param>
/// <param name="FactsHash">Which facts it was judged by, among <see cref="RulingBases"/>; null where no rule was asked.</param>
/// <param name="ScopeHash">Under which scope, there as well.</param>
public sealed record OperationRow(
    Guid Session, long Op, long Seq, DateTimeOffset At, string Protocol, string Text, IReadOnlyList<JsonElement>? Params, IReadOnlyList<string>? Statements,
    Effect Verdict, IReadOnlyList<Reason>? Reasons, long Policy, string? Outcome, string? Status, long? Duration, long? Rows, long? Bytes, string? Tag,
    EntryError? Error, string? FactsHash = null, string? ScopeHash = null, bool? InTransaction = null);

/// <summary>Every operation of every session: a statement's entry, completed by its result's. Actor and resource are found through the session.</summary>
public sealed class Operations() : Projection<OperationRow>("operations", typeof(TranscriptRecorded))
{
    public override IReadOnlyList<string> Columns =>
    [
        "session text GENERATED ALWAYS AS (row ->> 'session') STORED",
        "verdict text GENERATED ALWAYS AS (row ->> 'verdict') STORED",
        "outcome text GENERATED ALWAYS AS (row ->> 'outcome') STORED",
        "at text COLLATE \"C\" GENERATED ALWAYS AS (row ->> 'at') STORED",
        // INVARIANT: a tsvector holds 1 MiB at most, and a text that needs more would stop all read models. A character costs 7 bytes at worst
        // (long ones, in words with hyphens, which count whole and in parts): what is beyond the first 100,000 is not searched.
        // `shop.orders` would be taken for the name of a host, one word: whoever looks for `orders` must find it
        "words tsvector GENERATED ALWAYS AS (to_tsvector('simple', translate(left(row ->> 'text', 100000), './@', '   '))) STORED",
        "facts_hash text COLLATE \"C\" GENERATED ALWAYS AS (row ->> 'factsHash') STORED",
        "scope_hash text COLLATE \"C\" GENERATED ALWAYS AS (row ->> 'scopeHash') STORED",
        "in_transaction boolean GENERATED ALWAYS AS (row -> 'inTransaction' = 'true') STORED",
        "policy bigint GENERATED ALWAYS AS ((row ->> 'policy')::bigint) STORED",
        "rules jsonb GENERATED ALWAYS AS (jsonb_path_query_array(row, '$.reasons[*].rule')) STORED",
    ];

    public override IReadOnlyList<(string Name, string Definition)> Indexes =>
    [
        ("facts", "(facts_hash, at)"),
        ("rules", "USING gin (rules jsonb_path_ops)"),
        ("at", "(at, key)"),
        ("session", "(session, key)"),
        ("verdict", "(verdict, at) WHERE verdict <> 'allow'"),
        ("outcome", "(outcome, at) WHERE outcome <> 'completed'"),
        ("words", "USING gin (words)"),
    ];

    /// <summary>Sorts as the operations of a session did.</summary>
    public static string Key(Guid session, long op) => $"{session:D}/{op:D12}";

    public override IEnumerable<Change> Changes(Stored stored)
    {
        ArgumentNullException.ThrowIfNull(stored);
        if (stored.Event is not TranscriptRecorded recorded)
        {
            yield break;
        }
        foreach (var entry in RecordedEntry.Of(recorded))
        {
            if (entry.Op is not { } op)
            {
                continue;
            }
            if (entry.Kind == "statement")
            {
                yield return Begin(Key(recorded.Session, op), Of(recorded.Session, op, entry));
            }
            else if (entry.Kind == "result")
            {
                yield return Update(Key(recorded.Session, op), row => row with
                {
                    Outcome = entry.Outcome,
                    Status = entry.Status,
                    Duration = entry.Duration,
                    Rows = entry.Rows,
                    Bytes = entry.Bytes,
                    Tag = entry.Tag,
                    Error = entry.Error,
                });
            }
        }
    }

    private static OperationRow Of(Guid session, long op, RecordedEntry entry) => new(
        session, op, entry.Seq, entry.At, entry.Protocol ?? "", entry.Text ?? "", entry.Params, entry.Statements, entry.Effect ?? Effect.Allow, entry.Reasons,
        entry.Policy ?? 0, null, null, null, null, null, null, null, entry.FactsHash, entry.ScopeHash, entry.InTransaction);
}
