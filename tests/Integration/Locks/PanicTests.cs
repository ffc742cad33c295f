using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using AccessPlane.Tests.Integration.Agents;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Locks;

/// <summary>Everything is closed over HTTP, while people work through a whole agent.</summary>
public sealed class PanicTests
{
    private const string Lock = "/v1/locks";
    private const int Many = 20;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static string Policy(string database) => $$"""
        resources:
          - { id: orders, kind: postgresql }
        entitlements:
          - id: read
            resource: orders
            who: { groups: [engineering] }
            scope: { databases: [{{database}}] }
            max-duration: 8h
            approval: { auto: true }
            tickets: { max-connections: 20 }
          - id: write
            resource: orders
            who: { groups: [engineering] }
            scope: { databases: [{{database}}] }
            max-duration: 2h
            approval: { steps: [ { from: { groups: [dba] }, count: 1 } ], expires: 1h }
        directory:
          same-person: [ ['ISSUER|admin', 'ISSUER|admin-at-home'] ]
        """;

    private static async Task<(int Status, JsonElement Body)> Send(ControlPlaneHost host, string who, string group, HttpMethod method, string path, object? body = null)
    {
        using var client = host.Client(who, group);
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        using var answer = await client.SendAsync(request, Cancel);
        return ((int)answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel));
    }

    private static string Code((int Status, JsonElement Body) answer) => $"{answer.Status} {answer.Body.GetProperty("code").GetString()}";

    private static async Task Until(Func<Task<bool>> holds, Func<string> otherwise)
    {
        var patience = Stopwatch.StartNew();
        while (!await holds())
        {
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(90), otherwise());
            await Task.Delay(50, Cancel);
        }
    }

    /// <returns>A way in through the agent, for one connection.</returns>
    private static async Task<string> Ticket(ControlPlaneHost host, Guid grant, string database, int connections = 1)
    {
        (int Status, JsonElement Body) answer = default;
        // the agent's first lease may be on its way: 503 says to try again
        await Until(
            async () => (answer = await Send(host, "engineer", "engineering", HttpMethod.Post, $"/v1/grants/{grant}/tickets", new { database, connections })).Status != 503,
            () => $"no ticket: {answer.Body}");
        Assert.True(answer.Status == 201, answer.Body.ToString());
        var at = answer.Body;
        return $"Host=127.0.0.1;Port={at.GetProperty("port").GetInt32()};Username={at.GetProperty("username").GetString()};Password={at.GetProperty("password").GetString()};" +
            $"Database={database};SSL Mode=Disable;Pooling=false;No Reset On Close=true";
    }

    private static async Task<Guid> Granted(ControlPlaneHost host) =>
        (await host.Get($"/v1/requests/{await host.Ask("engineer", "read")}")).GetProperty("grantId").GetGuid();

    /// <summary>Some who work all the time, and some who wait.</summary>
    private static async Task<List<Task>> Crowd(string ticket)
    {
        var inside = await Task.WhenAll(Enumerable.Range(0, Many).Select(async _ =>
        {
            var session = new NpgsqlConnection($"{ticket};Application Name=crowd");
            await session.OpenAsync(Cancel);
            return session;
        }));
        return [.. inside.Select((session, i) => Task.Run(async () =>
        {
            await using (session)
            {
                while (true)
                {
                    await using var command = new NpgsqlCommand(i % 2 == 0 ? "select count(*) from generate_series(1, 1000)" : "select pg_sleep(60)", session);
                    await command.ExecuteNonQueryAsync(Cancel);
                }
            }
        }))];
    }

    [Fact]
    public async Task Everything_is_closed_by_one_call_and_open_again_only_when_two_admins_say_so()
    {
        await using var host = await ControlPlaneHost.Start();
        var database = LiveAgent.NewDatabase();
        await host.Publish(Policy(database));
        await using var agent = await LiveAgent.Start(host, $"live-{database[5..]}", database);
        var (grant, unused, pending) = (await Granted(host), await Granted(host), await host.Ask("engineer", "write"));
        await using var session = new NpgsqlConnection(await Ticket(host, grant, database));
        await session.OpenAsync(Cancel);
        var spare = await Ticket(host, grant, database);
        var crowd = await Crowd(await Ticket(host, await Granted(host), database, Many));
        await using var sleep = new NpgsqlCommand("select pg_sleep(60)", session);
        var running = sleep.ExecuteNonQueryAsync(Cancel);
        var sleeping = $"select count(*) from pg_stat_activity where usename = '{database}' and query like '%pg_sleep%' and state = 'active'";
        await Until(async () => (long)(await agent.Ask(sleeping))! == 1 + (Many / 2), () => "not everything runs that sleeps");

        Assert.Equal("403 admins-only", Code(await Send(host, "dba", "dba", HttpMethod.Post, $"{Lock}/all", new { reason = "for fun" })));
        Assert.Equal("422 invalid", Code(await Send(host, "admin", "admins", HttpMethod.Post, $"{Lock}/all", new { reason = "" })));
        Assert.Equal("422 invalid", Code(await Send(host, "admin", "admins", HttpMethod.Post, Lock, new { on = new { everything = true }, reason = "x" })));
        var took = Stopwatch.StartNew();
        var (status, closed) = await Send(host, "admin", "admins", HttpMethod.Post, $"{Lock}/all", new { reason = "broken into" });
        Assert.Equal((201, "Placed", true), (status, closed.GetProperty("state").GetString(), closed.GetProperty("on").GetProperty("everything").GetBoolean()));
        var id = closed.GetProperty("id").GetGuid();

        // who is inside is out, with the reason, and what ran for them does not run any more
        var cut = await Assert.ThrowsAnyAsync<NpgsqlException>(() => running);
        var cutAfter = took.Elapsed;
        Assert.True(took.Elapsed < TimeSpan.FromSeconds(5), $"cut after {took.Elapsed}");
        Assert.Contains("broken into", cut.Message, StringComparison.Ordinal);
        foreach (var member in crowd)
        {
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => member.WaitAsync(TimeSpan.FromSeconds(90), Cancel));
        }
        await Until(async () => (long)(await agent.Ask($"select count(*) from pg_stat_activity where usename = '{database}' and (application_name = 'crowd' or query like '%pg_sleep%' and state = 'active')"))! == 0, () => "somebody is left");

        // nobody comes in, by nothing
        await using (var second = new NpgsqlConnection(spare))
        {
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => second.OpenAsync(Cancel));
        }
        await Until(async () => await StateOf(grant) == "Revoked" && await StateOf(unused) == "Revoked", () => "a grant is left");
        Assert.NotEqual(201, (await Send(host, "engineer", "engineering", HttpMethod.Post, $"/v1/grants/{grant}/tickets", new { database })).Status);
        Assert.NotEqual(201, (await Send(host, "engineer", "engineering", HttpMethod.Post, $"/v1/grants/{unused}/tickets", new { database })).Status);
        Assert.Equal("403 locked", Code(await Send(host, "engineer", "engineering", HttpMethod.Post, "/v1/requests", new { entitlement = "read", reason = "x" })));
        var review = await Send(host, "dba", "dba", HttpMethod.Post, $"/v1/requests/{pending}/reviews", new { verdict = "approve" });
        Assert.True(review.Status is 403 or 409, review.Body.ToString());
        await Until(async () => (await host.Get($"/v1/requests/{pending}")).GetProperty("state").GetString() == "Cancelled", () => "a request is left");
        await Until(
            async () => (await host.Get("/v1/sessions?limit=200")).GetProperty("items").EnumerateArray().Count(
                s => s.GetProperty("state").GetString() == "Terminated" && s.GetProperty("cause").GetString() == "locked") == 1 + Many,
            () => "the sessions' end is not told");

        // one admin by any name is one admin
        var late = await Send(host, "admin2", "admins", HttpMethod.Post, $"{Lock}/all", new { reason = "me too" });
        Assert.Equal(("409 closed-already", id), (Code(late), late.Body.GetProperty("winning").GetProperty("id").GetGuid()));
        Assert.Equal("403 admins-only", Code(await Send(host, "engineer", "engineering", HttpMethod.Delete, $"{Lock}/{id}")));
        var proposed = await Send(host, "admin", "admins", HttpMethod.Delete, $"{Lock}/{id}");
        Assert.Equal((202, "Placed"), (proposed.Status, proposed.Body.GetProperty("state").GetString()));
        Assert.EndsWith("|admin", proposed.Body.GetProperty("liftProposedBy").GetString(), StringComparison.Ordinal);
        Assert.Equal("409 second-admin-needed", Code(await Send(host, "admin", "admins", HttpMethod.Delete, $"{Lock}/{id}")));
        Assert.Equal("409 second-admin-needed", Code(await Send(host, "admin-at-home", "admins", HttpMethod.Delete, $"{Lock}/{id}")));
        Assert.Equal("403 locked", Code(await Send(host, "engineer", "engineering", HttpMethod.Post, "/v1/requests", new { entitlement = "read", reason = "x" })));
        var listed = Assert.Single((await host.Get(Lock)).GetProperty("items").EnumerateArray());
        Assert.Equal(proposed.Body.GetProperty("liftProposedUntil").GetString(), listed.GetProperty("liftProposedUntil").GetString());
        var lifted = await Send(host, "admin2", "admins", HttpMethod.Delete, $"{Lock}/{id}");
        Assert.Equal((200, "Lifted"), (lifted.Status, lifted.Body.GetProperty("state").GetString()));

        // what was ended stays ended; who asks again is let in
        await using var again = new NpgsqlConnection(await Ticket(host, await Granted(host), database));
        await again.OpenAsync(Cancel);
        await using var one = new NpgsqlCommand("select 1", again);
        Assert.Equal(1, await one.ExecuteScalarAsync(Cancel));
        Assert.Equal("Revoked", await StateOf(grant));
        foreach (var type in new[] { "lock_placed", "lock_lift_proposed", "lock_lifted" })
        {
            Assert.Single((await host.Get($"/v1/audit/events?resource=orders&type={type}")).GetProperty("items").EnumerateArray());
        }

        async Task<string?> StateOf(Guid one) => (await host.Get($"/v1/grants/{one}")).GetProperty("state").GetString();
        FaultReport.Saw($"the running statement was cut {cutAfter.TotalMilliseconds:0} ms after the call; 2 grants revoked, 1 request cancelled, 1 login, 2 tickets, 1 request and 1 review refused until the second admin; 1 new grant afterwards");
    }
}
