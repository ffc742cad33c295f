using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.Console;
using Xunit;

namespace AccessPlane.Tests.Unit.Console;

public sealed class ReplayTests
{
    private static readonly DateTimeOffset Begin = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private long seq;

    private TranscriptEntry Entry(double seconds, string kind, long? op = null) => new(++seq, Begin.AddSeconds(seconds), kind, Op: op);

    [Fact]
    public void A_statement_is_one_moment_with_its_result_and_what_people_said()
    {
        var replay = Replay.Of(
        [
            Entry(0, "start"), Entry(0.5, "facts"), Entry(1, "statement", 1), Entry(1.1, "hold", 1), Entry(9, "hold-ended", 1) with { Outcome = "released" },
            Entry(10, "result", 1) with { Outcome = "completed", Rows = 3 }, Entry(11, "statement", 2), Entry(12, "end") with { Cause = "closed" },
        ]);
        Assert.Equal([1_000, 11_000, 12_000], replay.Moments.Select(m => m.Offset));
        Assert.Equal(["released", "running", "end"], replay.Moments.Select(m => m.Told));
        Assert.Equal(["wait", "plain", "plain"], replay.Moments.Select(m => m.Tone));
        Assert.Equal(12_000, replay.Length);
    }

    [Fact]
    public void Rows_belong_to_their_statement()
    {
        var replay = Replay.Of([Entry(0, "statement", 1), Entry(1, "rows", 1), Entry(2, "rows", 1), Entry(3, "result", 1) with { Outcome = "completed" }, Entry(4, "rows", 7)]);
        Assert.Equal([2, 3], replay.Moments[0].Seen.Select(e => e.Seq));
        Assert.Equal(["completed", "rows"], replay.Moments.Select(m => m.Told));
    }

    [Fact]
    public void How_many_rows_there_were_beside_those_that_are_kept_is_said_below_them()
    {
        var (kept, counted) = (Entry(1, "rows", 1) with { Values = [[]] }, Entry(2, "rows", 1) with { RowsOmitted = 3, BytesOmitted = 40 });
        Assert.Equal(kept with { RowsOmitted = 3, BytesOmitted = 40 }, Assert.Single(Replay.Of([Entry(0, "statement", 1), kept, counted]).Moments[0].Seen));
        Assert.Equal(counted, Assert.Single(Replay.Of([Entry(0, "statement", 1), counted]).Moments[0].Seen));
    }

    [Fact]
    public void What_was_denied_failed_or_masked_stands_out()
    {
        var replay = Replay.Of(
        [
            Entry(0, "statement", 1) with { Effect = Effect.Deny }, Entry(1, "result", 1) with { Outcome = "refused" },
            Entry(2, "statement", 2) with { Effect = Effect.Allow }, Entry(3, "result", 2) with { Outcome = "failed" },
            Entry(4, "statement", 3) with { Effect = Effect.Mask }, Entry(5, "result", 3) with { Outcome = "completed", Masked = 4 },
            Entry(6, "end") with { Cause = "revoked" },
        ]);
        Assert.Equal(["bad refused", "bad failed", "mask masked", "bad end"], replay.Moments.Select(m => $"{m.Tone} {m.Told}"));
    }

    [Fact]
    public void A_clock_that_was_put_back_puts_nothing_before_the_session() =>
        Assert.Equal([5_000, 0], Replay.Of([Entry(0, "start"), Entry(5, "statement", 1), Entry(-3, "statement", 2)]).Moments.Select(m => m.Offset));
}
