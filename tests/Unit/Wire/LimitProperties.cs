using AccessPlane.Contracts.Policy;
using Xunit;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>
/// What holds whatever a client says under limits, where the agent has a word of its own in the conversation: it ends answers early, counts writes,
/// and makes the server's transaction fail where the client was told that it did.
/// </summary>
public sealed class LimitProperties
{
    private static readonly SessionLimits FewRows = new(Rows: new Limit<long>(2, "few-rows"));

    private static bool IsOrderly(Script.Step[] steps, Func<Witness> witness, Action<Talk, ModelServer, string> holds)
    {
        foreach (var eager in new[] { false, true })
        {
            var (talk, server, story, _) = Script.Play(Script.Bytes(steps), int.MaxValue, eager, witness());
            if (!talk.IsOver)
            {
                holds(talk, server, story);
            }
        }
        return true;
    }

    [Fact]
    public void Whoever_asks_is_answered_and_told_the_transactions_own_status() => Script.Holds(Script.Any, steps =>
        IsOrderly(steps, () => new Witness { Limits = FewRows, MostWritten = 3 }, (talk, server, story) =>
        {
            Assert.Equal(0, talk.Waiting);
            Assert.Equal(0, talk.State.Unanswered.Count);
            Assert.EndsWith($"Z{server.Status}", story, StringComparison.Ordinal);
        }));

    [Fact]
    public void A_write_beyond_its_bound_never_lasts() => Script.Holds(Script.Any, steps =>
        IsOrderly(steps, () => new Witness { MostWritten = 3 }, (_, server, _) => Assert.DoesNotContain("INSERT 0 12", server.Lasting)));

    [Fact]
    public void No_more_rows_come_than_may() => Script.Holds(Script.Any, steps =>
        IsOrderly(steps, () => new Witness { Limits = FewRows }, (_, _, story) => Assert.DoesNotContain("D D D", story, StringComparison.Ordinal)));

    [Fact]
    public void What_the_record_calls_completed_outside_a_transaction_lasts() => Script.Holds(Script.Any, steps =>
        Script.Says(steps, "rollback") || IsOrderly(steps, () => new Witness(), (talk, server, _) =>
        {
            foreach (var completed in talk.Witness.Results.Where(r => r is { Kind: "completed", Status: 'I' } && r.Tag.StartsWith("INSERT", StringComparison.Ordinal)).GroupBy(r => r.Tag))
            {
                Assert.True(server.Lasting.Count(t => t == completed.Key) >= completed.Count(), $"`{completed.Key}` did not last");
            }
        }));
}
