using System.Diagnostics;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts.Messages;
using AccessPlane.Tests.Integration.Http;
using Npgsql;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>A grant that ends while its holder stands at the door: before the agent knows who it is, and before it is proven.</summary>
public sealed class RevokedAtTheDoorTests
{
    private const string Why = "the grant was revoked by `dba`";

    public enum Stage { AskedForTls, InTheHandshake, BeforeStartup, AfterStartup, BeforeTheLastMessage }

    [Theory]
    [InlineData(Stage.AskedForTls)]
    [InlineData(Stage.InTheHandshake)]
    [InlineData(Stage.BeforeStartup)]
    [InlineData(Stage.AfterStartup)]
    [InlineData(Stage.BeforeTheLastMessage)]
    public async Task Nobody_is_let_in_by_a_ticket_whose_grant_ends_on_the_way_and_who_proves_to_hold_it_hears_why(Stage stage)
    {
        var dials = 0;
        await using var server = new FakeServer { Login = _ => Task.FromResult(Interlocked.Increment(ref dials)) };
        await using var agent = await WireAgent.Start(new WireOptions(Tls: true, UpstreamHost: "127.0.0.1", UpstreamPort: server.Port));
        var (user, password) = agent.Ticket();
        var revoked = 0L;
        Task Revoke()
        {
            revoked = Stopwatch.GetTimestamp();
            agent.Revoke();
            return Task.CompletedTask;
        }
        Task At(Stage reached) => reached == stage ? Revoke() : Task.CompletedTask;
        using var client = await Dial(agent.Port);
        await client.AskForTls(asked: () => At(Stage.AskedForTls), halfway: () => At(Stage.InTheHandshake));
        await At(Stage.BeforeStartup);
        await client.Send(Startup(("user", user), ("database", agent.Database)));
        var refused = await Assert.ThrowsAsync<WireError>(() => client.Prove(password, beforeFirst: () => At(Stage.AfterStartup), beforeLast: () => At(Stage.BeforeTheLastMessage)));
        var took = Stopwatch.GetElapsedTime(revoked);
        Assert.EndsWith($"\0C28000\0M{Why}", refused.Message, StringComparison.Ordinal);
        Assert.Null(await client.Read());
        Assert.Equal((0, 0, 0), (agent.Live.Count, dials, agent.Transcript().Length));
        FaultReport.Saw($"revoked at the stage {stage}: refused with the reason after {took.TotalMilliseconds:0} ms, 0 sessions, the database was dialled {dials} times");
    }

    /// <summary>Whoever has the ticket's name alone has proven nothing.</summary>
    [Fact]
    public async Task Who_cannot_prove_to_hold_the_ticket_learns_nothing_of_its_grants_end()
    {
        await using var agent = await WireAgent.Start();
        var (user, _) = agent.Ticket();
        agent.Revoke();
        var answers = new List<string>();
        foreach (var name in (string[])[user, "t_nobody"])
        {
            using var client = await Dial(agent.Port);
            await client.Send(Startup(("user", name), ("database", agent.Database)));
            answers.Add((await Assert.ThrowsAsync<WireError>(() => client.Prove("something else"))).Message);
        }
        Assert.Single(answers.Distinct());
        Assert.DoesNotContain("revoked", answers[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_is_let_in_by_a_token_whose_grant_ends_before_it_comes()
    {
        var dials = 0;
        await using var issuer = await TestIssuer.Start();
        await using var server = new FakeServer { Login = _ => Task.FromResult(Interlocked.Increment(ref dials)) };
        await using var agent = await WireAgent.Start(new WireOptions(Tls: true, Issuer: issuer, UpstreamHost: "127.0.0.1", UpstreamPort: server.Port));
        using var client = await Dial(agent.Port);
        await client.AskForTls();
        await client.Send(Startup(("user", $"{agent.Grant.Grant}"), ("database", agent.Database)));
        Assert.Equal('R', (await client.Read())!.Value.Type);
        agent.Revoke();
        await client.Send(PgFrame.OfTexts('p', issuer.Token("engineer", TimeProvider.System.GetUtcNow())));
        // who has no grant may have asked for one: the control plane says
        var (ask, _) = agent.Tokens!.NextAsked();
        agent.Tokens.Pending.Answered(new LoginAnswer(ask.Ask, "refused", null, null, "the grant was revoked: ask for access again", null));
        Assert.Equal("28000 the grant was revoked: ask for access again", await client.Refusal());
        Assert.Equal((0, 0, 0), (agent.Live.Count, dials, agent.Transcript().Length));
    }

    /// <summary>Somebody else's lock keeps the agent from reading what the database holds: who waits for that hears why it waits no longer, and not that the database failed.</summary>
    [Fact]
    public async Task Whose_grant_ends_while_the_catalog_is_read_hears_of_the_grant()
    {
        await using var agent = await WireAgent.Start();
        await using var other = new NpgsqlConnection(agent.DirectString);
        await other.OpenAsync(TestContext.Current.CancellationToken);
        await using var begun = await other.BeginTransactionAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1, await agent.Ask("select 1"));
        // nothing that a new connection needs to begin
        await using var locks = new NpgsqlCommand("lock table pg_catalog.pg_policy in access exclusive mode", other, begun);
        await locks.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        var (user, password) = agent.Ticket();
        using var client = await Dial(agent.Port);
        await client.Send(Startup(("user", user), ("database", agent.Database)));
        await client.Prove(password);
        await WireAgent.Until(async () => await agent.Ask($"select count(*) from pg_stat_activity where application_name = 'accessplane' and datname = '{agent.Database}' and wait_event_type = 'Lock'") is 1L);
        agent.Revoke();
        Assert.Equal($"57P01 {Why}", await client.Refusal());
        Assert.Empty(agent.Transcript());
    }
}
