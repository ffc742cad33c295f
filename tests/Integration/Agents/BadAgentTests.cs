using System.Text;
using System.Text.Json;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.Tests.Integration.Wire;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>What someone who took over an enrolled agent sends: about itself, about others, and what nobody can read.</summary>
public sealed class BadAgentTests : IAsyncLifetime
{
    private static readonly Actor Engineer = new("https://idp", "engineer", "engineer", ActorKind.Person, ["engineering"], new Dictionary<string, string>(), []);
    private ControlPlaneHost host = null!;
    private EnrolledAgent orders = null!;
    private EnrolledAgent payroll = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
    private EventLog Log => host.Services.GetRequiredService<EventLog>();

    public async ValueTask InitializeAsync()
    {
        host = await ControlPlaneHost.Start(quiet => quiet.Logging.ClearProviders()); // what is refused is logged, each with its stack
        await host.Publish(SharedControlPlane.Policy.Replace(
            "- { id: orders, kind: postgresql }", "- { id: orders, kind: postgresql }\n  - { id: payroll, kind: postgresql }", StringComparison.Ordinal));
        orders = await EnrolledAgent.Enrol(host, Name("orders"), "orders");
        payroll = await EnrolledAgent.Enrol(host, Name("payroll"), "payroll");
    }

    /// <summary>Users of the broker are not its virtual host's alone.</summary>
    private static string Name(string resource) => $"{resource}-{Guid.CreateVersion7():N}"[..30];

    public async ValueTask DisposeAsync()
    {
        await orders.DisposeAsync();
        await payroll.DisposeAsync();
        await host.DisposeAsync();
    }

    /// <summary>A grant on `orders`, active.</summary>
    private async Task<Guid> Grant()
    {
        var grant = Guid.CreateVersion7();
        var now = TimeProvider.System.GetUtcNow();
        await Log.Append(
            new Append(
                [
                    new StreamAppend(grant, "grant", 0,
                    [
                        new GrantIssued(grant, Guid.CreateVersion7(), Engineer, "orders-read", "orders", Scope.Any, TimeSpan.FromHours(1), now.AddHours(1), 1, TokenLogin.WorkloadsOnly, 1),
                        new GrantActivated(now, now.AddHours(1), Scope.Any, 1, TokenLogin.WorkloadsOnly, 1),
                    ]),
                ],
                new EventContext(Engineer, Guid.CreateVersion7())), Cancel);
        return grant;
    }

    /// <summary>A session's first segment.</summary>
    private static Segment Begin(EnrolledAgent agent, Guid grant, string resource, string? text = null, params TranscriptEntry[] more)
    {
        var session = Guid.CreateVersion7();
        var now = TimeProvider.System.GetUtcNow();
        List<TranscriptEntry> entries =
        [
            new(1, now, "start", new SessionStart(session, grant, "orders-read", resource, agent.Id, 1, Engineer, "orders", "127.0.0.1:5", "psql", "token", 1, "15.4")),
        ];
        if (text is not null)
        {
            entries.Add(new(2, now, "statement", Op: 1, Protocol: "simple", Text: text, Effect: Effect.Allow, Policy: 1));
        }
        entries.AddRange([.. more.Select((e, i) => e with { Seq = entries.Count + i + 1, At = now })]);
        var head = HashChain.Begin(session);
        var (before, lines) = (Convert.ToHexStringLower(head), new StringBuilder());
        foreach (var line in entries.Select(e => JsonSerializer.Serialize(e, Json.Options)))
        {
            HashChain.Advance(head, Encoding.UTF8.GetBytes(line));
            lines.Append(line).Append('\n');
        }
        return new Segment(session, agent.Id, 1, 1, entries.Count, before, Convert.ToHexStringLower(head), false, lines.ToString(), "").SignWith(agent.Key);
    }

    private async Task<List<EvidenceGapFound>> FindingsOf(string agent) =>
        [.. (await Log.ReadStream(Ids.Agent(agent), Cancel)).Select(s => s.Event).OfType<EvidenceGapFound>()];

    /// <summary>The agents that acknowledged the grant's end.</summary>
    private async Task<List<string>> Acknowledged(Guid grant) =>
        [.. (await Log.ReadStream(grant, Cancel)).Select(s => s.Event).OfType<RevocationAcknowledged>().Select(a => a.Agent)];

    private async Task<string> FindingOf(string agent)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        patience.CancelAfter(TimeSpan.FromSeconds(90));
        while (true)
        {
            if ((await FindingsOf(agent)).LastOrDefault() is { } found)
            {
                return $"{found.Kind}: {found.Detail}";
            }
            await Task.Delay(20, patience.Token);
        }
    }

    [Fact]
    public async Task A_session_on_anothers_resource_is_refused_and_the_agent_told_so()
    {
        var grant = await Grant();
        var stolen = Begin(payroll, grant, "orders");
        await payroll.Send(ReportKinds.SegmentSealed, stolen);
        Assert.Contains("does not serve the resource `orders`", payroll.Next<SegmentRefusal>(DirectiveKinds.SegmentRefused).Why, StringComparison.Ordinal);
        var claimed = Begin(payroll, grant, "payroll");
        await payroll.Send(ReportKinds.SegmentSealed, claimed);
        Assert.Contains("is for `orders-read` on `orders`", payroll.Next<SegmentRefusal>(DirectiveKinds.SegmentRefused).Why, StringComparison.Ordinal);
        Assert.All(
            await Task.WhenAll(Log.ReadStream(stolen.Session, Cancel), Log.ReadStream(claimed.Session, Cancel)),
            stream => Assert.IsType<EvidenceGapFound>(Assert.Single(stream).Event));

        var genuine = Begin(orders, grant, "orders");
        await orders.Send(ReportKinds.SegmentSealed, genuine);
        Assert.Equal(genuine.Session, orders.Next<SegmentReceipt>(DirectiveKinds.SegmentAccepted).Session);
    }

    [Fact]
    public async Task Nobody_acknowledges_the_end_of_a_grant_that_is_enforced_elsewhere()
    {
        var grant = await Grant();
        await payroll.Send(ReportKinds.Revoked, new RevocationApplied(grant, 3, TimeSpan.Zero));
        await orders.Send(ReportKinds.Revoked, new RevocationApplied(grant, -1, TimeSpan.Zero));
        Assert.Contains("less than nothing", await FindingOf(orders.Id), StringComparison.Ordinal);
        await orders.Send(ReportKinds.Revoked, new RevocationApplied(grant, 1, TimeSpan.Zero));
        Assert.Equal([orders.Id], await AccessRequests.ControlPlaneInProcess.Becomes(() => Acknowledged(grant), all => all.Count > 0));
    }

    [Fact]
    public async Task What_is_signed_by_another_or_says_so_changes_nothing()
    {
        var grant = await Grant();
        await payroll.Send(ReportKinds.Revoked, new RevocationApplied(grant, 1, TimeSpan.Zero), inTheNameOf: orders.Id);
        await payroll.Send(ReportKinds.SegmentSealed, Begin(orders, grant, "orders"));
        await payroll.IsHeard();
        Assert.Contains("another agent's", await FindingOf(payroll.Id), StringComparison.Ordinal);
        Assert.Empty(await Acknowledged(grant));
    }

    [Fact]
    public async Task Reports_that_nobody_can_read_are_recorded_once_and_hold_up_nobody()
    {
        string[] bodies =
        [
            "", "null", "{}", "[]", "not json", new string('[', 5_000), $$"""{"session":"{{Guid.CreateVersion7()}}"}""",
            $$"""{"session":"{{Guid.CreateVersion7()}}","agent":"{{orders.Id}}","number":1,"firstSeq":1,"lastSeq":1,"previousHead":null,"head":null,"final":false,"entries":null,"signature":null}""",
            $$"""{"session":"{{Guid.CreateVersion7()}}","agent":"{{orders.Id}}","number":1,"firstSeq":1,"lastSeq":1,"previousHead":"zz","head":"","final":false,"entries":"","signature":""}""",
        ];
        using var refused = new Counted("accessplane.reports.refused");
        // far more than are taken side by side: were they tried again, everyone would wait
        for (var round = 0; round < 10; round++)
        {
            foreach (var body in bodies)
            {
                await orders.Send(ReportKinds.SegmentSealed, body);
            }
            await orders.Send(ReportKinds.EvidenceGap, new EvidenceGap(Guid.Empty, "a\0b", "x"));
            await orders.Send(ReportKinds.EvidenceGap, new EvidenceGap(Guid.Empty, "spool-torn", "a\0b"));
            await orders.Send("something\nelse", "{}");
            await orders.Publish([]);
            await orders.Publish("not json"u8.ToArray());
            await orders.Publish("""{"messageType":["urn:message:Else:What"],"message":{}}"""u8.ToArray());
            await orders.Publish("""{"messageType":["urn:message:AccessPlane.Contracts.Messages:Report"],"message":{"agent":null}}"""u8.ToArray());
        }
        await payroll.IsHeard();
        await orders.IsHeard();
        Assert.Equal(["report-unusable"], (await FindingsOf(orders.Id)).Select(f => f.Kind).Distinct());
        Assert.InRange((await FindingsOf(orders.Id)).Count, 1, 6);
        Assert.Empty(await FindingsOf(payroll.Id));
        await WireAgent.Until(() => Task.FromResult(refused.Of() >= 10 * 7)); // an alarm goes by it
        FaultReport.Saw($"{10 * (bodies.Length + 7)} messages that nobody can read: {(await FindingsOf(orders.Id)).Count} findings of the agent that sent them, 0 of the other one, and both are answered");
    }

    [Fact]
    public async Task A_message_that_is_too_large_is_put_aside_unread_and_its_agent_named()
    {
        await orders.Publish(new byte[17 * 1024 * 1024]);
        await payroll.IsHeard();
        Assert.Contains("larger than any", await FindingOf(orders.Id), StringComparison.Ordinal);
        await orders.IsHeard();
    }

    [Theory]
    [InlineData('"')]
    [InlineData('\\')]
    [InlineData('\u0001')]
    [InlineData('\u20ac')]
    public async Task The_longest_statement_there_is_fits_into_a_message(char of)
    {
        var segment = Begin(orders, await Grant(), "orders", new string(of, 1024 * 1024 / Encoding.UTF8.GetByteCount([of])));
        await orders.Send(ReportKinds.SegmentSealed, segment);
        Assert.Equal(segment.Session, orders.Next<SegmentReceipt>(DirectiveKinds.SegmentAccepted).Session);
    }

    [Theory]
    [InlineData('"')]
    [InlineData('\\')]
    [InlineData('\u0001')]
    [InlineData('\u20ac')]
    public async Task The_most_that_is_recorded_of_rows_fits_into_a_message(char of)
    {
        var text = JsonSerializer.SerializeToElement(new string(of, RecordedRows.BytesOfAny / Encoding.UTF8.GetByteCount([of])), Json.Options);
        var segment = Begin(
            orders, await Grant(), "orders", new string(of, SpoolFile.PartBytes), new TranscriptEntry(0, default, "rows", Op: 1, Columns: [new("a", 25)], Values: [[text]]));
        await orders.Send(ReportKinds.SegmentSealed, segment);
        Assert.Equal(segment.Session, orders.Next<SegmentReceipt>(DirectiveKinds.SegmentAccepted).Session);
    }

    [Fact]
    public async Task What_it_says_of_itself_is_shown_where_it_can_be_true_and_costs_it_no_lease()
    {
        var good = new AgentCondition("1.2.3", 2, 0.25, 7);
        foreach (var (said, shown) in new[]
        {
            (good, good), (good with { Version = "<script>" }, null), (good with { Spool = 17 }, null), (good with { Sessions = -1 }, null), (good with { Version = new string('1', 41) }, (AgentCondition?)null),
        })
        {
            var nonce = Guid.CreateVersion7();
            await orders.Send(ReportKinds.LeaseAsk, new LeaseAsk(nonce, 0, Condition: said));
            Assert.Equal(nonce, orders.Next<LeaseAnswer>(DirectiveKinds.Lease).Nonce);
            await WireAgent.Until(async () => (await Shown()) == shown);
        }

        async Task<AgentCondition?> Shown() =>
            (await host.Get($"/v1/agents/{orders.Id}")).TryGetProperty("condition", out var condition) ? condition.Deserialize<AgentCondition>(Json.Options) : null;
    }

    [Fact]
    public async Task A_report_that_is_sent_again_days_later_is_not_believed()
    {
        var grant = await Grant();
        var now = TimeProvider.System.GetUtcNow();
        await orders.Send(ReportKinds.Revoked, new RevocationApplied(grant, 1, TimeSpan.Zero), now - WhenReportArrives.OldestReport - TimeSpan.FromHours(1));
        await orders.Send(ReportKinds.Revoked, new RevocationApplied(grant, 1, TimeSpan.Zero), now + WhenReportArrives.OldestReport + TimeSpan.FromHours(1));
        await orders.IsHeard();
        Assert.Contains("sent again", await FindingOf(orders.Id), StringComparison.Ordinal);
        Assert.Empty(await Acknowledged(grant));
    }
}
