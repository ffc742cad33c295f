using AccessPlane.Contracts.Messages;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>A grant that is extended while its session runs. Grants end by the control plane's clock, which is moved here.</summary>
public sealed class ExtendedGrantTests
{
    private static readonly TimeSpan Moment = TimeSpan.FromMinutes(1);

    /// <summary>The agent hears how late it is at the control plane, and looks who may not go on, as it does all the time.</summary>
    private static void ItIs(WireAgent agent, DateTimeOffset when)
    {
        var now = TimeProvider.System.GetTimestamp();
        agent.InForce.Time.Sample(now, now, when);
        agent.Live.CutWhatEnded(now);
    }

    private static string Expired(GrantLease grant) => $"57P01 the grant expired at {grant.NotAfter:yyyy-MM-dd HH:mm:ss}Z: ask for access again";

    [Fact]
    public async Task A_session_whose_grant_is_extended_goes_on_past_the_first_end_and_until_the_new_one_and_any_other_is_cut_at_the_first()
    {
        await using var agent = await Start();
        var end = TimeProvider.System.GetUtcNow().AddMinutes(30);
        var (kept, other) = (agent.Granted(like => like with { NotAfter = end }), agent.Granted(like => like with { NotAfter = end }));
        using var goesOn = await agent.ConnectBy(kept);
        using var isCut = await agent.ConnectBy(other);
        Assert.Equal("C[BEGIN] ZT", Story(await goesOn.Ask(Query("begin"))));
        ItIs(agent, end - Moment);
        await isCut.StillWorks();

        var extended = kept with { NotAfter = end.AddHours(1) };
        agent.Apply(extended);
        ItIs(agent, end + Moment);
        Assert.Equal(Expired(other), await isCut.Refusal());
        Assert.Equal("T D[alive] C[SELECT 1] ZT", Story(await goesOn.Ask(Query("select 'alive'")))); // in the transaction from before
        await Until(() => Task.FromResult(agent.Live.Count == 1));
        Assert.Equal("expired", Assert.Single(agent.Entries(), e => e.Kind == "end").Cause);

        ItIs(agent, extended.NotAfter + Moment);
        Assert.Equal(Expired(extended), await goesOn.Refusal());
        await Until(() => Task.FromResult(agent.Live.Count == 0));
        Assert.Equal(["expired", "expired"], agent.Entries().Where(e => e.Kind == "end").Select(e => e.Cause!));
    }
}
