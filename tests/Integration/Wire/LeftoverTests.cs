using AccessPlane.Tests.Unit.Domain;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>What the record says of what outlives a session that was cut is of its own login.</summary>
public sealed class LeftoverTests
{
    [Fact]
    public async Task Prepared_transactions_of_another_login_are_not_told_in_the_record_of_a_session_that_was_cut()
    {
        await using var agent = await Start(new WireOptions(Time: new ManualClock(TimeProvider.System.GetUtcNow()))); // however slow this machine is, there is time to look
        var anothers = $"{agent.Database}_anothers";
        await agent.Directly("begin", $"prepare transaction '{anothers}'"); // the superuser's
        try
        {
            using var client = await agent.Connect();
            await client.Send(Query("select pg_sleep(60)"));
            await Until(() => agent.Backends("query like '%pg_sleep%' and state = 'active'", 1));
            agent.Revoke();
            Assert.Equal("E57P01", Story((await client.UntilReady()).Where(m => m.Type != 'T')));
            await Until(() => Task.FromResult(agent.Live.Count == 0));
            var end = Assert.Single(agent.Entries(), e => e.Kind == "end");
            Assert.Equal("revoked", end.Cause);
            Assert.True(end.Note is null or "the backend was terminated", end.Note); // it was looked at, and nothing is left
        }
        finally
        {
            await agent.Directly($"rollback prepared '{anothers}'"); // or its database could not be dropped
        }
    }
}
