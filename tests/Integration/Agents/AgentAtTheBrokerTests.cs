using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using AccessPlane.Agent.Directives;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.History;
using AccessPlane.ControlPlane.Keys;
using AccessPlane.Tests.Integration.Wire;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>A real broker, the agent's own limited user, and both planes' own code at either end.</summary>
public sealed class AgentAtTheBrokerTests(TestDatabase database) : IClassFixture<TestDatabase>, IAsyncLifetime
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(90);
    private readonly string name = $"t{Guid.CreateVersion7():N}"[..30];
    private readonly StateFolder state = new();
    private readonly LogHistories histories = new(database.Tail, database.Pulse, TimeProvider.System);
    private readonly ECDsa agentKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly BlockingCollection<Report> reports = [];
    private SigningKeys keys = null!;
    private BrokerAdmin admin = null!;
    private Detour toBroker = null!;
    private IHost controlPlane = null!;
    private IHost agent = null!;
    private Enrolment enrolment = null!;

    public async ValueTask InitializeAsync()
    {
        keys = new SigningKeys(state.File("keys"));
        var amqp = new Uri(TestDatabase.Required("ACCESSPLANE_TEST_AMQP"));
        var options = new BrokerOptions
        {
            Uri = amqp.ToString(),
            ManagementUri = TestDatabase.Required("ACCESSPLANE_TEST_RABBIT_API"),
            AgentUri = new UriBuilder(amqp) { UserName = "", Password = "" }.Uri.ToString(),
        };
        admin = new BrokerAdmin(Options.Create(options), NullLogger<BrokerAdmin>.Instance);
        await admin.CreateAgent(name, $"agent-{name}", "secret", TestContext.Current.CancellationToken);
        controlPlane = BusHost.Of(bus => bus.UsingRabbitMq((_, rabbit) =>
        {
            rabbit.Host(amqp);
            rabbit.ReceiveEndpoint($"{name}-reports", endpoint =>
            {
                endpoint.AutoDelete = true;
                endpoint.ConfigureConsumeTopology = false;
                endpoint.Bind(Topology.AgentReports(name), bind => bind.ExchangeType = "fanout");
                endpoint.Handler<Report>(context =>
                {
                    reports.Add(context.Message);
                    return Task.CompletedTask;
                });
            });
        }));
        toBroker = new Detour(amqp.Port);
        enrolment = new Enrolment(name, new UriBuilder(options.AgentUri) { Port = toBroker.Port }.Uri.ToString(), $"agent-{name}", "secret", keys.SigningPublicKey, keys.EncryptionPublicKey, 1);
        agent = Agent();
        await Task.WhenAll(controlPlane.StartAsync(TestContext.Current.CancellationToken), agent.StartAsync(TestContext.Current.CancellationToken));
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(agent.StopAsync(), controlPlane.StopAsync());
        agent.Dispose();
        controlPlane.Dispose();
        await toBroker.DisposeAsync();
        await admin.RemoveAgent(name, $"agent-{name}", CancellationToken.None);
        admin.Dispose();
        keys.Dispose();
        agentKey.Dispose();
        histories.Dispose();
        reports.Dispose();
        state.Dispose();
    }

    private IHost Agent()
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        var config = new AccessPlane.Agent.AgentConfig(name, "http://127.0.0.1:1", state.File("agent"), "http://127.0.0.1:1", []);
        AccessPlane.Agent.AgentHost.AddAgent(builder.Services, config, new AgentIdentity(enrolment, agentKey));
        var host = builder.Build();
        AccessPlane.Agent.AgentHost.Begin(host.Services);
        return host;
    }

    private AgentLine Line => new(Send, keys, _ => ValueTask.FromResult(1L), TimeProvider.System);

    private async Task Send(string exchange, Directive directive, CancellationToken cancel) =>
        await (await controlPlane.Services.GetRequiredService<IBus>().GetSendEndpoint(new Uri($"exchange:{exchange}"))).Send(directive, cancel);

    private InForce InForce => agent.Services.GetRequiredService<InForce>();

    private Report Next(params string[] kinds)
    {
        var since = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(since) < Soon && reports.TryTake(out var report, Soon))
        {
            Assert.True(report.IsSignedBy(agentKey));
            if (kinds.Contains(report.Kind))
            {
                return report;
            }
        }
        throw new TimeoutException($"no `{string.Join("` and no `", kinds)}` came");
    }

    private static async Task Until(Func<bool> holds, string otherwise)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!holds())
        {
            Assert.False(late.IsCancellationRequested, otherwise);
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    private static T Body<T>(Report report) => System.Text.Json.JsonSerializer.Deserialize<T>(report.Body, Json.Options)!;

    private static AgentState Nothing { get; } = new(new PublishedPolicy(1, "h", PolicyModel.Empty), ["orders"], [], [], [], []);

    [Fact]
    public async Task An_agent_catches_up_renews_its_lease_and_acknowledges_with_its_own_limited_user()
    {
        var cancel = TestContext.Current.CancellationToken;
        Assert.Equal(0, Body<CatchUpAsk>(Next(ReportKinds.CatchUpAsk)).Since);
        await Line.Answer(name, 10, DirectiveKinds.State, Nothing, cancel);
        Assert.Equal(10, Body<Applied>(Next(ReportKinds.Applied)).Position);
        Assert.Equal(TimeSpan.MaxValue, InForce.LeaseAge);

        await Line.Answer(name, 10, DirectiveKinds.Lease, new LeaseAnswer(Body<LeaseAsk>(Next(ReportKinds.LeaseAsk)).Nonce), cancel);
        while (InForce.LeaseAge > Soon)
        {
            await InForce.Changed.Next.WaitAsync(Soon, cancel);
        }
        var earliest = InForce.Time.Earliest;
        Assert.InRange(TimeProvider.System.GetUtcNow(), earliest, InForce.Time.Latest.AddMilliseconds(1));

        await Line.Send(name, 11, 10, DirectiveKinds.Ticket, new TicketOffer("t_1", Guid.CreateVersion7(), "", 1, DateTimeOffset.UnixEpoch, ""), cancel);
        Assert.Equal(11, Body<Applied>(Next(ReportKinds.Applied)).Position);
        Assert.Contains("t_1", InForce.Current.Tickets.Keys);
    }

    [Fact]
    public async Task A_restarted_agent_has_the_control_plane_open_what_it_left_and_finishes_it()
    {
        var cancel = TestContext.Current.CancellationToken;
        Assert.Same(InForce.Time, agent.Services.GetRequiredService<TimeProvider>());
        var boot = AccessPlane.Agent.BootClock.Instance;
        Assert.InRange(InForce.Time.GetTimestamp() - boot.GetTimestamp(), -boot.TimestampFrequency, 0); // it counts the time that the host slept
        var session = Guid.CreateVersion7();
        var recorder = agent.Services.GetRequiredService<Spool>().Begin(
            session, number => SpoolTests.Start(session, number) with { Agent = name }, Evidence.Buffered, why => Assert.Fail(why));
        recorder.Statement("simple", "select 'running when it died'"u8, default, SpoolTests.Select, SpoolTests.Allowed);
        await agent.StopAsync(cancel);
        agent.Dispose();
        agent = Agent();
        await agent.StartAsync(cancel);

        // what it has still to write down is dated: it begins with it when it knows the time
        await Line.Answer(name, 10, DirectiveKinds.State, Nothing, cancel);
        Report next;
        while ((next = Next(ReportKinds.LeaseAsk, ReportKinds.SpoolKeyAsk)).Kind == ReportKinds.LeaseAsk)
        {
            await Line.Answer(name, 10, DirectiveKinds.Lease, new LeaseAnswer(Body<LeaseAsk>(next).Nonce), cancel);
        }
        var ask = Body<SpoolKeyAsk>(next);
        Assert.Equal(session, ask.Session);
        await Line.Answer(name, 10, DirectiveKinds.SpoolKey, new AnswerSpoolKeys(keys, null!, null!).Answer(name, ask), cancel);
        Segment last;
        while (!(last = Body<Segment>(Next(ReportKinds.SegmentSealed))).Final)
        {
            await Line.Answer(name, 10, DirectiveKinds.SegmentAccepted, new SegmentReceipt(session, last.Number), cancel);
        }
        Assert.Null(last.WhyInvalid(agentKey));
        Assert.Contains("\"outcome\":\"indeterminate\"", last.Entries, StringComparison.Ordinal);
        Assert.Contains("\"cause\":\"lost\"", last.Entries, StringComparison.Ordinal);
    }

    /// <summary>A broker that starts refuses logins until it has read its users; one whose users come from elsewhere, while that is away.</summary>
    [Fact]
    public async Task An_agent_that_its_broker_refused_for_a_while_comes_back()
    {
        var cancel = TestContext.Current.CancellationToken;
        Next(ReportKinds.CatchUpAsk);
        await admin.CreateAgent(name, $"agent-{name}", "another secret", cancel);
        var before = toBroker.Taken;
        toBroker.HangUp();
        await Until(() => toBroker.Taken >= before + 8, "it does not try again");
        while (reports.TryTake(out _))
        {
        }
        var refused = toBroker.Taken - before;
        await admin.CreateAgent(name, $"agent-{name}", "secret", cancel);
        await Line.Answer(name, 10, DirectiveKinds.State, Nothing, cancel);
        Assert.Equal(10, Body<Applied>(Next(ReportKinds.Applied)).Position);
        FaultReport.Saw($"an agent was refused {refused} times, and carried out the order that it found when it was let in again");
    }

    [Fact]
    public async Task Poison_and_forgeries_on_the_agents_queue_change_nothing_and_stop_nothing()
    {
        var cancel = TestContext.Current.CancellationToken;
        Next(ReportKinds.CatchUpAsk);
        await Line.Answer(name, 10, DirectiveKinds.State, Nothing, cancel);
        Assert.Equal(10, Body<Applied>(Next(ReportKinds.Applied)).Position);

        var factory = new RabbitMQ.Client.ConnectionFactory { Uri = new Uri(TestDatabase.Required("ACCESSPLANE_TEST_AMQP")) };
        await using (var connection = await factory.CreateConnectionAsync(cancel))
        await using (var channel = await connection.CreateChannelAsync(cancellationToken: cancel))
        {
            foreach (var junk in new[] { "", "not json", "{}", """{"messageType":["urn:message:Else:What"],"message":{}}""" })
            {
                await channel.BasicPublishAsync(
                    "", Topology.AgentQueue(name), mandatory: true, new RabbitMQ.Client.BasicProperties { ContentType = "application/vnd.masstransit+json" },
                    System.Text.Encoding.UTF8.GetBytes(junk), cancel);
            }
        }
        using var strangers = new SigningKeys(state.File("strangers"));
        var forged = new AgentLine(Send, strangers, _ => ValueTask.FromResult(1L), TimeProvider.System);
        await forged.Send(name, 11, 10, DirectiveKinds.Ticket, new TicketOffer("t_forged", Guid.CreateVersion7(), "", 1, DateTimeOffset.UnixEpoch, ""), cancel);
        await Line.Send(name, 12, 10, DirectiveKinds.Ticket, new TicketOffer("t_2", Guid.CreateVersion7(), "", 1, DateTimeOffset.UnixEpoch, ""), cancel);
        Assert.Equal(12, Body<Applied>(Next(ReportKinds.Applied)).Position);
        Assert.Equal(["t_2"], InForce.Current.Tickets.Keys);
    }

    [Fact]
    public async Task A_gap_is_noticed_a_revocation_behind_it_cuts_at_once_and_the_state_closes_it()
    {
        var cancel = TestContext.Current.CancellationToken;
        Next(ReportKinds.CatchUpAsk);
        await Line.Answer(name, 10, DirectiveKinds.State, Nothing, cancel);
        Next(ReportKinds.Applied);
        var grant = Guid.CreateVersion7();
        await Line.Send(name, 15, 13, DirectiveKinds.GrantEnded, new GrantEnd(grant, "revoked", "gone"), cancel);
        Assert.Equal((grant, 0), (Body<RevocationApplied>(Next(ReportKinds.Revoked)) is var told ? (told.Grant, told.Sessions) : default));
        Assert.Equal(10, Body<CatchUpAsk>(Next(ReportKinds.CatchUpAsk)).Since);
        await Line.Answer(name, 9, DirectiveKinds.State, Nothing, cancel);
        await Line.Answer(name, 16, DirectiveKinds.State, Nothing, cancel);
        Assert.Equal(16, Body<Applied>(Next(ReportKinds.Applied)).Position);
        Assert.Equal(16, InForce.Current.Position);
        FaultReport.Saw($"2 orders missing: noticed, the revocation behind them carried out at once, an older state refused, caught up to {InForce.Current.Position} by the next one");
    }

    [Fact]
    public async Task What_the_log_says_reaches_the_agent_once_however_often_it_is_sent()
    {
        var cancel = TestContext.Current.CancellationToken;
        var (table, follower) = await Following(cancel);
        Next(ReportKinds.CatchUpAsk);
        using var states = new AgentStateBuilder(database.Tail, new ControlPlane.Http.TrustedIssuers([]));
        await Append(Ids.Agent(name), "agent", cancel, new AgentInvited(name, ["orders"], "", At, By), new AgentEnrolled(name, ["orders"], "k", []));
        await CatchUp(states, table, cancel);
        Next(ReportKinds.Applied);

        var grant = Guid.CreateVersion7();
        await Append(grant, "grant", cancel,
            new GrantIssued(grant, Guid.CreateVersion7(), By, "orders-read", "orders", Scope.Any, TimeSpan.FromHours(1), At, 1, TokenLogin.WorkloadsOnly, 1),
            new GrantActivated(At, DateTimeOffset.MaxValue.AddDays(-1), Scope.Any, 1, TokenLogin.WorkloadsOnly, 1));
        var events = await database.Log.ReadAll(0, AgentKnowledge.Types, 100, cancel);
        await follower.Handle(events, cancel);
        while (Body<Applied>(Next(ReportKinds.Applied)).Position < events[^1].Position)
        {
        }
        Assert.Contains(grant, InForce.Current.Grants.Keys);

        // a process that died before its checkpoint was stored sends everything again; so does one that died before it noted the heads
        var (_, again) = await Following(cancel);
        await again.Handle(events, cancel);
        await Line.Send(name, events[^1].Position, 0, DirectiveKinds.GrantEnded, new GrantEnd(grant, "revoked", ""), cancel);
        await Append(grant, "grant", 2, cancel, new GrantRevoked(By, "enough"));
        await again.Handle(await database.Log.ReadAll(events[^1].Position, AgentKnowledge.Types, 100, cancel), cancel);
        Assert.Equal(grant, Body<RevocationApplied>(Next(ReportKinds.Revoked)).Grant);
        Assert.DoesNotContain(grant, InForce.Current.Grants.Keys);
        Assert.False(reports.TryTake(out var second, TimeSpan.FromMilliseconds(300)) && second.Kind == ReportKinds.Revoked);
    }

    [Fact]
    public async Task No_lease_is_given_while_something_that_agents_must_know_is_not_sent()
    {
        var cancel = TestContext.Current.CancellationToken;
        var (table, follower) = await Following(cancel);
        using var states = new AgentStateBuilder(database.Tail, new ControlPlane.Http.TrustedIssuers([]));
        using var watch = new KeyWatch(database.Tail, database.Pulse, keys, TimeProvider.System, NullLogger<KeyWatch>.Instance);
        var leases = new AnswerLease(database.Log, Sights(), new OwnLease(table, database.Handle, TimeProvider.System), states, table, Line, watch, History.Sights.Checkpointed(database, histories, state.File("checkpoints")), TimeProvider.System);
        await Append(Guid.CreateVersion7(), "lock", cancel, new LockPlaced(Guid.CreateVersion7(), new LockTarget(Resource: "payroll"), "test", null, By));
        Next(ReportKinds.CatchUpAsk);
        await CatchUp(states, table, cancel);
        Next(ReportKinds.Applied);

        await leases.Handle(name, Body<LeaseAsk>(Next(ReportKinds.LeaseAsk)), cancel);
        Assert.Null((await table.All(cancel))[name].LeaseAt);
        await follower.Handle(await database.Log.ReadAll(0, AgentKnowledge.Types, 100, cancel), cancel);
        await leases.Handle(name, Body<LeaseAsk>(Next(ReportKinds.LeaseAsk)), cancel);
        Assert.NotNull((await table.All(cancel))[name].LeaseAt);
        while (InForce.LeaseAge > Soon)
        {
            await InForce.Changed.Next.WaitAsync(Soon, cancel);
        }
        FaultReport.Saw($"1 of 1 questions unanswered while a lock was not sent, 1 of 1 answered behind it");
    }

    private AgentSights Sights() => History.Sights.Over(database, histories, keys, state.File("checkpoints"));

    private Task CatchUp(AgentStateBuilder states, AgentTable table, CancellationToken cancel) =>
        new AnswerCatchUp(Sights(), states, table, Line).Handle(name, new CatchUpAsk(0, 0), cancel);

    private static Actor By { get; } = Actor.System("test") with { Issuer = "https://idp" };
    private static DateTimeOffset At { get; } = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    private async Task<(AgentTable Table, WhenAgentsMustKnow Follower)> Following(CancellationToken cancel)
    {
        var table = new AgentTable(database.Source);
        var follower = new WhenAgentsMustKnow(database.Log, Line, table, histories, NullLogger<WhenAgentsMustKnow>.Instance);
        await follower.Begin(0, cancel);
        return (table, follower);
    }

    private Task<Appended> Append(Guid stream, string type, CancellationToken cancel, params IEvent[] events) => Append(stream, type, 0, cancel, events);

    private Task<Appended> Append(Guid stream, string type, long expected, CancellationToken cancel, params IEvent[] events) => database.Log.Append(
        new Append([new StreamAppend(stream, type, expected, events)], new EventContext(By, Guid.CreateVersion7())), cancel);
}
