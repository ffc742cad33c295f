using AccessPlane.Agent;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.ControlPlane.Keys;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using static AccessPlane.Tests.Integration.Agents.BrokeredAgent;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>What an agent asks, takes and acknowledges by way of a real broker, and what it makes of what is wrong there.</summary>
public sealed class AgentAtTheBrokerTests : IAsyncLifetime
{
    private BrokeredAgent agent = null!;

    public async ValueTask InitializeAsync() => agent = await BrokeredAgent.Start();

    public ValueTask DisposeAsync() => agent.DisposeAsync();

    private static async Task Until(Func<bool> holds, string otherwise)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!holds())
        {
            Assert.False(late.IsCancellationRequested, otherwise);
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task An_agent_catches_up_renews_its_lease_and_acknowledges_with_its_own_limited_user()
    {
        var cancel = TestContext.Current.CancellationToken;
        Assert.Equal(0, Body<CatchUpAsk>(agent.Next(ReportKinds.CatchUpAsk)).Since);
        await agent.Line.Answer(agent.Name, 10, DirectiveKinds.State, Nothing, cancel);
        Assert.Equal(10, Body<Applied>(agent.Next(ReportKinds.Applied)).Position);
        Assert.Equal(TimeSpan.MaxValue, agent.InForce.LeaseAge);

        await agent.Line.Answer(agent.Name, 10, DirectiveKinds.Lease, new LeaseAnswer(Body<LeaseAsk>(agent.Next(ReportKinds.LeaseAsk)).Nonce), cancel);
        await agent.HasLease(cancel);
        var earliest = agent.InForce.Time.Earliest;
        Assert.InRange(TimeProvider.System.GetUtcNow(), earliest, agent.InForce.Time.Latest.AddMilliseconds(1));

        await agent.Line.Send(agent.Name, 11, 10, DirectiveKinds.Ticket, new TicketOffer("t_1", Guid.CreateVersion7(), "", 1, DateTimeOffset.UnixEpoch, ""), cancel);
        Assert.Equal(11, Body<Applied>(agent.Next(ReportKinds.Applied)).Position);
        Assert.Contains("t_1", agent.InForce.Current.Tickets.Keys);
    }

    [Fact]
    public async Task A_restarted_agent_has_the_control_plane_open_what_it_left_and_finishes_it()
    {
        var cancel = TestContext.Current.CancellationToken;
        Assert.Same(agent.InForce.Time, agent.Services.GetRequiredService<TimeProvider>());
        var boot = BootClock.Instance;
        Assert.InRange(agent.InForce.Time.GetTimestamp() - boot.GetTimestamp(), -boot.TimestampFrequency, 0); // it counts the time that the host slept
        var session = Guid.CreateVersion7();
        var recorder = agent.Services.GetRequiredService<Spool>().Begin(
            session, number => SpoolTests.Start(session, number) with { Agent = agent.Name }, Evidence.Buffered, why => Assert.Fail(why));
        recorder.Statement("simple", "select 'running when it died'"u8, default, SpoolTests.Select, SpoolTests.Allowed);
        await agent.Restart(cancel);

        // what it has still to write down is dated: it begins with it when it knows the time
        await agent.Line.Answer(agent.Name, 10, DirectiveKinds.State, Nothing, cancel);
        Report next;
        while ((next = agent.Next(ReportKinds.LeaseAsk, ReportKinds.SpoolKeyAsk)).Kind == ReportKinds.LeaseAsk)
        {
            await agent.Line.Answer(agent.Name, 10, DirectiveKinds.Lease, new LeaseAnswer(Body<LeaseAsk>(next).Nonce), cancel);
        }
        var ask = Body<SpoolKeyAsk>(next);
        Assert.Equal(session, ask.Session);
        await agent.Line.Answer(agent.Name, 10, DirectiveKinds.SpoolKey, new AnswerSpoolKeys(agent.Keys, null!, null!).Answer(agent.Name, ask), cancel);
        Segment last;
        while (!(last = Body<Segment>(agent.Next(ReportKinds.SegmentSealed))).Final)
        {
            await agent.Line.Answer(agent.Name, 10, DirectiveKinds.SegmentAccepted, new SegmentReceipt(session, last.Number), cancel);
        }
        Assert.Null(last.WhyInvalid(agent.Key));
        Assert.Contains("\"outcome\":\"indeterminate\"", last.Entries, StringComparison.Ordinal);
        Assert.Contains("\"cause\":\"lost\"", last.Entries, StringComparison.Ordinal);
    }

    /// <summary>A broker that starts refuses logins until it has read its users; one whose users come from elsewhere, while that is away.</summary>
    [Fact]
    public async Task An_agent_that_its_broker_refused_for_a_while_comes_back()
    {
        var cancel = TestContext.Current.CancellationToken;
        agent.Next(ReportKinds.CatchUpAsk);
        await agent.Admin.CreateAgent(agent.Name, agent.User, "another secret", cancel);
        var before = agent.ToBroker.Taken;
        agent.ToBroker.HangUp();
        await Until(() => agent.ToBroker.Taken >= before + 8, "it does not try again");
        agent.PassOver();
        var refused = agent.ToBroker.Taken - before;
        await agent.Admin.CreateAgent(agent.Name, agent.User, "secret", cancel);
        await agent.Line.Answer(agent.Name, 10, DirectiveKinds.State, Nothing, cancel);
        Assert.Equal(10, Body<Applied>(agent.Next(ReportKinds.Applied)).Position);
        FaultReport.Saw($"an agent was refused {refused} times, and carried out the order that it found when it was let in again");
    }

    [Fact]
    public async Task Poison_and_forgeries_on_the_agents_queue_change_nothing_and_stop_nothing()
    {
        var cancel = TestContext.Current.CancellationToken;
        agent.Next(ReportKinds.CatchUpAsk);
        await agent.Line.Answer(agent.Name, 10, DirectiveKinds.State, Nothing, cancel);
        Assert.Equal(10, Body<Applied>(agent.Next(ReportKinds.Applied)).Position);

        var factory = new RabbitMQ.Client.ConnectionFactory { Uri = new Uri(Servers.Need("ACCESSPLANE_TEST_AMQP")) };
        await using (var connection = await factory.CreateConnectionAsync(cancel))
        await using (var channel = await connection.CreateChannelAsync(cancellationToken: cancel))
        {
            foreach (var junk in new[] { "", "not json", "{}", """{"messageType":["urn:message:Else:What"],"message":{}}""" })
            {
                await channel.BasicPublishAsync(
                    "", Topology.AgentQueue(agent.Name), mandatory: true, new RabbitMQ.Client.BasicProperties { ContentType = "application/vnd.masstransit+json" },
                    System.Text.Encoding.UTF8.GetBytes(junk), cancel);
            }
        }
        using var strangers = new SigningKeys(agent.File("strangers"));
        var forged = agent.LineOf(strangers);
        await forged.Send(agent.Name, 11, 10, DirectiveKinds.Ticket, new TicketOffer("t_forged", Guid.CreateVersion7(), "", 1, DateTimeOffset.UnixEpoch, ""), cancel);
        await agent.Line.Send(agent.Name, 12, 10, DirectiveKinds.Ticket, new TicketOffer("t_2", Guid.CreateVersion7(), "", 1, DateTimeOffset.UnixEpoch, ""), cancel);
        Assert.Equal(12, Body<Applied>(agent.Next(ReportKinds.Applied)).Position);
        Assert.Equal(["t_2"], agent.InForce.Current.Tickets.Keys);
    }

    [Fact]
    public async Task A_gap_is_noticed_a_revocation_behind_it_cuts_at_once_and_the_state_closes_it()
    {
        var cancel = TestContext.Current.CancellationToken;
        agent.Next(ReportKinds.CatchUpAsk);
        await agent.Line.Answer(agent.Name, 10, DirectiveKinds.State, Nothing, cancel);
        agent.Next(ReportKinds.Applied);
        var grant = Guid.CreateVersion7();
        await agent.Line.Send(agent.Name, 15, 13, DirectiveKinds.GrantEnded, new GrantEnd(grant, "revoked", "gone"), cancel);
        Assert.Equal((grant, 0), (Body<RevocationApplied>(agent.Next(ReportKinds.Revoked)) is var told ? (told.Grant, told.Sessions) : default));
        Assert.Equal(10, Body<CatchUpAsk>(agent.Next(ReportKinds.CatchUpAsk)).Since);
        await agent.Line.Answer(agent.Name, 9, DirectiveKinds.State, Nothing, cancel);
        await agent.Line.Answer(agent.Name, 16, DirectiveKinds.State, Nothing, cancel);
        Assert.Equal(16, Body<Applied>(agent.Next(ReportKinds.Applied)).Position);
        Assert.Equal(16, agent.InForce.Current.Position);
        FaultReport.Saw($"2 orders missing: noticed, the revocation behind them carried out at once, an older state refused, caught up to {agent.InForce.Current.Position} by the next one");
    }
}
