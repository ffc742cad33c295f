using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;

namespace AccessPlane.Tests.Integration.Wire;

public sealed class FirstContactTests
{
    [Fact]
    public async Task A_ticket_opens_a_session_and_statements_are_answered_and_recorded()
    {
        await using var agent = await WireAgent.Start();
        using var client = await agent.Connect(("application_name", "first"));
        Assert.Equal("T D[1] C[SELECT 1] ZI", Story(await client.Ask(Query("select 1"))));
        Assert.Equal("C[CREATE TABLE] ZI", Story(await client.Ask(Query("create table t (a int)"))));
        Assert.Equal("1 2 T D[7|x] C[SELECT 1] ZI", Story(await client.Ask(
            Parse("", "select $1::int, $2"), Bind("", "", "7", "x"), Describe('P', ""), Execute(), Sync)));
        Assert.Equal("first", await agent.Ask($"select application_name from pg_stat_activity where usename = '{agent.Database}' and application_name <> 'accessplane'"));
        await client.Send(Terminate);
        Assert.Null(await client.Read());
        var transcript = agent.Transcript();
        Assert.Contains(transcript, line => line.Contains("\"text\":\"select 1\"", StringComparison.Ordinal));
        Assert.Contains(transcript, line => line.Contains("\"params\":[\"7\",\"x\"]", StringComparison.Ordinal));
    }
}
