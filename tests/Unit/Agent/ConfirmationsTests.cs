using AccessPlane.ControlPlane.Agents;
using AccessPlane.Tests.Unit.Domain;
using RabbitMQ.Client.Exceptions;
using Xunit;

namespace AccessPlane.Tests.Unit.Agent;

/// <summary>A queue that is deleted takes the confirmations with it of what was on its way there: they never come, and the connection lives on.</summary>
public sealed class ConfirmationsTests
{
    private readonly Confirmations confirmations = new(TimeProvider.System, TimeSpan.FromMilliseconds(20));
    private readonly List<string> sent = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Its own broker user may make its queue anew, as one that takes nothing.</summary>
    [Fact]
    public async Task An_agent_whose_queue_refuses_keeps_no_other_agent_waiting()
    {
        Assert.False(await confirmations.Try("a", () => throw new PublishException(1, isReturn: false), Cancel));
        Assert.True(await confirmations.Try("b", () => Sends("b", confirmed: true), Cancel));
        await Until(() => confirmations.Try("a", () => Sends("a", confirmed: true), Cancel));
        Assert.Equal(["b", "a"], sent);
    }

    /// <summary>Whatever else goes wrong, the connection above all, is for the caller to try again.</summary>
    [Fact]
    public async Task What_could_not_be_sent_at_all_is_said() =>
        await Assert.ThrowsAsync<InvalidOperationException>(() => confirmations.Try("a", () => throw new InvalidOperationException(), Cancel));

    /// <summary>A queue that stops, goes on and stops holds others up once, and not as long each time.</summary>
    [Fact]
    public async Task Others_wait_less_for_an_agent_that_made_them_wait_before()
    {
        var patience = TimeSpan.FromSeconds(2);
        var clock = new ManualClock(World.Noon);
        var patient = new Confirmations(clock, patience);
        await IsGivenUpAfter(patience);
        foreach (var _ in Enumerable.Range(0, 3))
        {
            clock.Advance(patience);
            Assert.True(await patient.Try("a", () => Sends("between", confirmed: true), Cancel));
            await IsGivenUpAfter(patience / 20);
        }
        clock.Advance(TimeSpan.FromMinutes(10));
        Assert.True(await patient.Try("a", () => Sends("forgiven", confirmed: true), Cancel));
        await IsGivenUpAfter(patience);

        async Task IsGivenUpAfter(TimeSpan time)
        {
            var trial = patient.Try("a", () => Sends("lost", confirmed: false), Cancel);
            clock.Advance(time - TimeSpan.FromTicks(1));
            Assert.False(trial.IsCompleted);
            clock.Advance(TimeSpan.FromTicks(1));
            Assert.False(await trial);
        }
    }

    [Fact]
    public async Task One_agents_lost_confirmation_keeps_no_other_agent_waiting()
    {
        Assert.False(await confirmations.Try("a", () => Sends("a", confirmed: false), Cancel));
        Assert.True(await confirmations.Try("b", () => Sends("b", confirmed: true), Cancel));
    }

    [Fact]
    public async Task An_agent_whose_confirmation_was_lost_is_answered_again_a_little_later()
    {
        Assert.False(await confirmations.Try("a", () => Sends("lost", confirmed: false), Cancel));
        await Until(() => confirmations.Try("a", () => Sends("found", confirmed: true), Cancel));
        Assert.True(await confirmations.Try("a", () => Sends("next", confirmed: true), Cancel));
        Assert.Equal(["lost", "found", "next"], sent);
    }

    /// <summary>The log was away, or the connection broke, just when it was tried whether the broker confirms again.</summary>
    [Fact]
    public async Task A_trial_that_fails_is_not_the_last_one()
    {
        Assert.False(await confirmations.Try("a", () => Sends("lost", confirmed: false), Cancel));
        await Until(async () =>
        {
            try
            {
                return await confirmations.Try("a", () => throw new InvalidOperationException("the trial"), Cancel);
            }
            catch (InvalidOperationException)
            {
                return true;
            }
        });
        await Until(() => confirmations.Try("a", () => Sends("found", confirmed: true), Cancel));
        Assert.Equal(["lost", "found"], sent);
    }

    [Fact]
    public async Task A_broker_that_takes_nothing_is_asked_more_and_more_seldom_and_at_once_when_it_takes_something()
    {
        var patience = TimeSpan.FromSeconds(2);
        var clock = new ManualClock(World.Noon);
        var patient = new Confirmations(clock, patience);
        var blocked = new TaskCompletionSource();
        foreach (var pause in new[] { 0, 1, 2, 4 })
        {
            // until the pause is over nothing is even begun
            clock.Advance((pause * patience) - TimeSpan.FromTicks(pause == 0 ? 0 : 1));
            var asked = sent.Count;
            if (pause > 0)
            {
                Assert.False(await patient.Try("a", Blocked, Cancel));
                Assert.Equal(asked, sent.Count);
                clock.Advance(TimeSpan.FromTicks(1));
            }
            var trial = patient.Try("a", Blocked, Cancel);
            Assert.Equal(asked + 1, sent.Count);
            clock.Advance(patience);
            Assert.False(await trial);
        }
        blocked.SetResult();
        await Until(() => patient.Try("a", () => Sends("open", confirmed: true), Cancel));
        Assert.Equal(["blocked", "blocked", "blocked", "blocked", "open"], sent);

        async Task Blocked()
        {
            sent.Add("blocked");
            await blocked.Task;
        }
    }

    private static async Task Until(Func<Task<bool>> holds)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (!await holds())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(30));
            await Task.Delay(1, Cancel);
        }
    }

    private Task Sends(string what, bool confirmed)
    {
        sent.Add(what);
        return confirmed ? Task.CompletedTask : new TaskCompletionSource().Task;
    }
}
