using System.Diagnostics;
using AccessPlane.Tests.Integration.Agents;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Sessions;

/// <summary>One session is ended over HTTP, while its client works through a whole agent.</summary>
public sealed class TerminationTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static string Policy(string database) => SharedControlPlane.Policy.Replace("databases: [orders]", $"databases: [{database}]", StringComparison.Ordinal);

    private static async Task<Answered> Until(Func<Task<Answered>> ask, Func<Answered, bool> holds)
    {
        var patience = Stopwatch.StartNew();
        while (true)
        {
            var answer = await ask();
            if (holds(answer))
            {
                return answer;
            }
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(90), answer.Code);
            await Task.Delay(50, Cancel);
        }
    }

    [Fact]
    public async Task Who_approves_ends_one_live_session_and_the_grant_lives_on()
    {
        await using var host = await ControlPlaneHost.Start();
        var database = LiveAgent.NewDatabase();
        await host.Publish(Policy(database));
        await using var agent = await LiveAgent.Start(host, $"live-{database[5..]}", database);
        var request = await host.Ask("engineer", "orders-write");
        var approved = await host.Send(HttpMethod.Post, $"/v1/requests/{request}/reviews", "dba", "dba", new { verdict = "approve" });
        var grant = approved.Body.GetProperty("grantId").GetGuid();
        // the agent's first lease may be on its way: 503 says to try again
        var ticket = (await Until(() => host.Send(HttpMethod.Post, $"/v1/grants/{grant}/tickets", "engineer", "engineering", new { database }), a => a.Status == 201)).Body;
        await using var client = new NpgsqlConnection(
            $"Host=127.0.0.1;Port={ticket.GetProperty("port").GetInt32()};Username={ticket.GetProperty("username").GetString()};" +
            $"Password={ticket.GetProperty("password").GetString()};Database={database};SSL Mode=Disable;Pooling=false;No Reset On Close=true");
        await client.OpenAsync(Cancel);
        await using var sleep = new NpgsqlCommand("select pg_sleep(60)", client);
        var running = sleep.ExecuteNonQueryAsync(Cancel);
        var listed = await Until(
            () => host.Send(HttpMethod.Get, $"/v1/sessions?grant={grant}", "auditor", "auditors"), a => a.Body.GetProperty("items").GetArrayLength() == 1);
        var session = $"/v1/sessions/{listed.Body.GetProperty("items")[0].GetProperty("id").GetGuid()}";

        Assert.Equal("404 no-such-session", (await host.Send(HttpMethod.Post, $"{session}/terminate", "stranger", "engineering")).Code);
        Assert.Equal("403 not-an-approver", (await host.Send(HttpMethod.Post, $"{session}/terminate", "engineer", "engineering")).Code);
        var stale = await host.Send(HttpMethod.Post, $"{session}/terminate", "dba", "dba", new { reason = "x" }, ifMatch: 99);
        Assert.Equal(("412 version-mismatch", "Open"), (stale.Code, stale.Winning.GetProperty("state").GetString()));
        var ordered = await host.Send(HttpMethod.Post, $"{session}/terminate", "dba", "dba", new { reason = "not what was agreed" }, key: "the-end");
        Assert.Equal((202, session), (ordered.Status, ordered.Location?.ToString()));

        var cut = await Assert.ThrowsAsync<PostgresException>(() => running);
        Assert.Equal(("57P01", "the session was ended by dba: not what was agreed"), (cut.SqlState, cut.MessageText));
        var over = await Until(() => host.Send(HttpMethod.Get, session, "auditor", "auditors"), a => a.State == "Terminated");
        Assert.Equal("terminated", over.Body.GetProperty("cause").GetString());
        var late = await host.Send(HttpMethod.Post, $"{session}/terminate", "dba", "dba", new { reason = "again" });
        Assert.Equal(("409 session-over", over.Body.ToString()), (late.Code, late.Winning.ToString()));
        Assert.Equal("404 no-such-session", (await host.Send(HttpMethod.Post, $"{session}/terminate", "stranger", "engineering")).Code);
        Assert.Equal(202, (await host.Send(HttpMethod.Post, $"{session}/terminate", "dba", "dba", new { reason = "not what was agreed" }, key: "the-end")).Status);
        Assert.Equal("Active", (await host.Send(HttpMethod.Get, $"/v1/grants/{grant}", "engineer", "engineering")).State);
        Assert.Single(
            (await host.Get($"/v1/audit/events?stream={session[^36..]}")).GetProperty("items").EnumerateArray(),
            e => e.GetProperty("type").GetString() == "session_termination_ordered");
    }
}
