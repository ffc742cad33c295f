using AccessPlane.Tests.Unit.Domain;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>Two-phase commit outlives the connection that prepared it: no session may leave one behind, and where the login has some, whoever is cut has that in the record.</summary>
public sealed class PreparedTransactionTests
{
    [Fact]
    public async Task A_session_can_neither_leave_one_nor_end_anothers_and_those_that_there_are_stand_in_the_record_of_a_cut()
    {
        await using var agent = await Start(new WireOptions(Time: new ManualClock(TimeProvider.System.GetUtcNow()))); // however slow this machine is, there is time to look
        var left = $"{agent.Database}_left";
        await agent.Directly($"set role {agent.Data.Role}", "begin", $"prepare transaction '{left}'");
        try
        {
            using var client = await agent.Connect();
            Assert.Equal("E42501 ZI", Story(await client.Ask(Query($"rollback prepared '{left}'"))));
            Assert.Equal("E42501 ZI", Story(await client.Ask(Query($"commit prepared '{left}'"))));
            Assert.Equal("C[BEGIN] ZT E42501 ZE C[ROLLBACK] ZI", Story(
            [
                .. await client.Ask(Query("begin")), .. await client.Ask(Parse("", "prepare transaction 'own'"), Bind("", ""), Execute(), Sync), .. await client.Ask(Query("rollback")),
            ]));
            Assert.Equal(1L, await Left(agent));
            await client.Send(Query("select pg_sleep(60)"));
            await Until(() => agent.Backends("query like '%pg_sleep%' and state = 'active'", 1));
            agent.Revoke();
            Assert.Equal("E57P01", Story((await client.UntilReady()).Where(m => m.Type != 'T')));
            await Until(() => agent.Backends("true", 0));
            await Until(() => Task.FromResult(agent.Live.Count == 0));
            Assert.Contains(agent.Transcript(), l => l.Contains("\"cause\":\"revoked\"", StringComparison.Ordinal) && l.Contains("prepared transactions are left: 1", StringComparison.Ordinal));
            Assert.Equal(1L, await Left(agent)); // what was not the session's is nobody's to end here
            FaultReport.Saw("PREPARE TRANSACTION, COMMIT PREPARED and ROLLBACK PREPARED refused; 1 that the login had was told in the record of the session that was cut, and left alone");
        }
        finally
        {
            await agent.Directly($"rollback prepared '{left}'"); // or its database could not be dropped
        }
    }

    private static Task<object?> Left(WireAgent agent) => agent.Ask($"select count(*) from pg_prepared_xacts where owner = '{agent.Data.Role}'");
}
