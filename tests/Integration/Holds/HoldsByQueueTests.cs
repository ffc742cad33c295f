using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.Tests.Integration.Agents;
using AccessPlane.Tests.Integration.Notifications;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AccessPlane.Tests.Integration.Holds;

/// <summary>An agent's question about an operation, to approvers by queue and REST, and their answer back to the agent.</summary>
public sealed class HoldsByQueueTests : IAsyncLifetime
{
    private const string Guardrails = """
        guardrails:
          - { id: bulk, resource: orders, match: { statements: [delete] }, effect: hold, hold: { from: { groups: [dba] }, timeout: 5m, in-transaction: 60s } }

        """;

    private ControlPlaneHost host = null!;
    private EnrolledAgent agent = null!;
    private Guid grant;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    public async ValueTask InitializeAsync()
    {
        host = await ControlPlaneHost.Start(quiet => quiet.Logging.ClearProviders());
        await host.Publish(SharedControlPlane.Policy + "\n" + Guardrails);
        agent = await EnrolledAgent.Enrol(host, "orders-agent", "orders");
        grant = await Grant();
    }

    public async ValueTask DisposeAsync()
    {
        await agent.DisposeAsync();
        await host.DisposeAsync();
    }

    private async Task<Guid> Grant()
    {
        var id = Guid.CreateVersion7();
        var engineer = new Actor(host.Issuer.Address, "engineer", "engineer", ActorKind.Person, ["engineering"], new Dictionary<string, string>(), []);
        await host.Services.GetRequiredService<EventLog>().Append(
            new Append(
                [
                    new StreamAppend(id, "grant", 0,
                    [
                        new GrantIssued(id, Guid.CreateVersion7(), engineer, "orders-write", "orders", Scope.Any, TimeSpan.FromHours(1), Now.AddHours(1), 1, TokenLogin.WorkloadsOnly, 1),
                        new GrantActivated(Now, Now.AddHours(1), Scope.Any, 1, TokenLogin.WorkloadsOnly, 1),
                    ]),
                ],
                new EventContext(engineer, Guid.CreateVersion7())), Cancel);
        return id;
    }

    private HeldOperation Operation(string text = "delete from orders", TimeSpan? patience = null, Guid? of = null) => new(
        Guid.CreateVersion7(), Guid.CreateVersion7(), of ?? grant, 3, "orders", "orders", "app", "simple", "127.0.0.1:5", text,
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))), [new HeldParameter(25, "a\u202eb", null)], "T",
        new StatementFacts(["delete"], 1)
        {
            Relations = [new RelationUse("public.orders", RelationAccess.Write)],
            Columns = [new ColumnUse("public.or\u202eders.a", ColumnPlace.Predicate)],
            Functions = ["public.f"],
            Opaque = "a trigger",
            Unbounded = true,
        }, 60, "bulk",
        [new Reason("bulk", Effect.Hold, "somebody must look at it first")], 1000,
        new HoldTerms(Who.Nobody with { Groups = ["engineering"] }, 1, TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(1)), $"binding of {text}",
        Micro(Now + (patience ?? TimeSpan.FromMinutes(1))), 1)
    {
        Runs = [new HeldRun("p", "select \u202e1")],
    };

    private static DateTimeOffset Micro(DateTimeOffset at) => at.AddTicks(-(at.Ticks % TimeSpan.TicksPerMicrosecond));

    private object Review(Guid id, string subject, string verdict = "approve", int version = 1, string group = "dba", string? token = null) =>
        new { kind = "hold", id, expectedVersion = version, verdict, token = token ?? host.Issuer.ReviewToken(subject, Now, group) };

    private async Task<string> State(Guid id) => (await host.Get($"/v1/holds/{id}")).GetProperty("state").GetString()!;

    private static void IsRefused(JsonElement outcome, string code) =>
        Assert.Equal(("refused", code), (outcome.GetProperty("outcome").GetString(), outcome.GetProperty("code").GetString()));

    [Fact]
    public async Task An_approver_hears_of_an_operation_sees_all_of_it_and_releases_it_and_the_agent_is_told()
    {
        await using var dba = await ApproverClient.Connect(host.Broker, null, "dba");
        var held = Operation("delete from orders -- \u202eyllufhctaW\r drop");
        await agent.Send(ReportKinds.OperationHeld, held);
        var (key, asked) = dba.Next(held.Hold);
        Assert.Equal(("hold.opened.dba", "hold"), (key, asked.GetProperty("kind").GetString()));
        var what = asked.GetProperty("what");
        Assert.Equal("delete from orders -- ⟨U+202E⟩yllufhctaW⟨U+000D⟩ drop", what.GetProperty("text").GetString());
        Assert.Equal("a⟨U+202E⟩b", what.GetProperty("parameters")[0].GetProperty("text").GetString());
        Assert.Equal((held.TextHash, 1000, "T", true), (
            what.GetProperty("textHash").GetString(), what.GetProperty("rows").GetInt32(), what.GetProperty("transaction").GetString(), what.GetProperty("unbounded").GetBoolean()));
        Assert.Equal((1, "public.orders (write)", "public.or⟨U+202E⟩ders.a (predicate)", "public.f", "a trigger"), (
            what.GetProperty("count").GetInt32(), what.GetProperty("relations")[0].GetString(), what.GetProperty("columns")[0].GetString(),
            what.GetProperty("functions")[0].GetString(), what.GetProperty("opaque").GetString()));
        Assert.Equal("select ⟨U+202E⟩1", what.GetProperty("runs")[0].GetProperty("text").GetString());
        Assert.Equal("engineer", asked.GetProperty("who").GetProperty("subject").GetString());
        Assert.Equal("bulk", asked.GetProperty("why").GetProperty("rule").GetString());
        Assert.Equal($"https://accessplane.example/v1/holds/{held.Hold}", asked.GetProperty("links").GetProperty("hold").GetString());

        IsRefused(await dba.Send(Review(held.Hold, "dba", version: 9)), "terms-changed");
        IsRefused(await dba.Send(Review(held.Hold, "engineer", group: "engineering")), "self-review");
        var outcome = await dba.Send(Review(held.Hold, "dba", version: asked.GetProperty("expectedVersion").GetInt32()));
        Assert.Equal(("accepted", "Released"), (outcome.GetProperty("outcome").GetString(), outcome.GetProperty("state").GetString()));
        var decision = agent.Next<HoldDecision>(DirectiveKinds.HoldDecided);
        Assert.Equal((held.Hold, "released", held.Binding, "dba"), (decision.Hold, decision.Outcome, decision.Binding, decision.By));
        Assert.Equal("hold.decided.dba", dba.Next(held.Hold).Key);

        var late = await dba.Send(Review(held.Hold, "dba2", "deny"));
        IsRefused(late, "hold-closed");
        Assert.Equal("Released", late.GetProperty("winning").GetProperty("state").GetString());
        // an agent that was away gets it with the state
        await agent.Send(ReportKinds.CatchUpAsk, new CatchUpAsk(1, 0));
        Assert.Equal(held.Hold, Assert.Single(agent.Next<AgentState>(DirectiveKinds.State).Holds).Hold);
    }

    [Fact]
    public async Task By_rest_it_is_listed_for_who_may_decide_seen_by_who_may_and_refused_with_words()
    {
        var held = Operation();
        await agent.Send(ReportKinds.OperationHeld, held);
        using var dba = host.Client("dba", "dba");
        await Until(async () => (await dba.GetFromJsonAsync<JsonElement>("/v1/holds?awaiting=me", Cancel)).GetProperty("items").GetArrayLength() == 1);
        Assert.Equal(1, (await dba.GetFromJsonAsync<JsonElement>($"/v1/holds?session={held.Session}&state=Waiting", Cancel)).GetProperty("items").GetArrayLength());
        Assert.Equal(0, (await dba.GetFromJsonAsync<JsonElement>("/v1/holds?state=Released", Cancel)).GetProperty("items").GetArrayLength());
        using var engineer = host.Client("engineer", "engineering");
        Assert.Equal(0, (await engineer.GetFromJsonAsync<JsonElement>("/v1/holds?awaiting=me", Cancel)).GetProperty("items").GetArrayLength());
        Assert.Equal("Waiting", (await engineer.GetFromJsonAsync<JsonElement>($"/v1/holds/{held.Hold}", Cancel)).GetProperty("state").GetString());
        using var stranger = host.Client("guest", "guests");
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.GetAsync(new Uri($"/v1/holds/{held.Hold}", UriKind.Relative), Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await dba.GetAsync(new Uri("/v1/holds?resource=orders", UriKind.Relative), Cancel)).StatusCode);

        using var own = await engineer.PostAsJsonAsync($"/v1/holds/{held.Hold}/reviews", new { verdict = "approve" }, Cancel);
        Assert.Equal(HttpStatusCode.Forbidden, own.StatusCode);
        using var no = await dba.PostAsJsonAsync($"/v1/holds/{held.Hold}/reviews", new { verdict = "deny", comment = "not today", expectedVersion = 1 }, Cancel);
        Assert.Equal("Refused", (await no.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("state").GetString());
        var decision = agent.Next<HoldDecision>(DirectiveKinds.HoldDecided);
        Assert.Equal(("refused", "not today"), (decision.Outcome, decision.Comment));
        using var late = await dba.PostAsJsonAsync($"/v1/holds/{held.Hold}/reviews", new { verdict = "approve" }, Cancel);
        Assert.Equal(HttpStatusCode.Conflict, late.StatusCode);
        Assert.Equal("Refused", (await late.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("winning").GetProperty("state").GetString());
    }

    [Fact]
    public async Task Time_ends_it_and_the_agents_word_ends_it_whichever_comes_first()
    {
        var (lapses, leaves, late, unheard) = (Operation(patience: TimeSpan.FromSeconds(0.5)), Operation(), Operation(), Operation());
        await agent.Send(ReportKinds.OperationHeld, lapses);
        Assert.Equal((lapses.Hold, "lapsed"), (agent.Next<HoldDecision>(DirectiveKinds.HoldDecided) is var over ? (over.Hold, over.Outcome) : default));
        Assert.Equal("Lapsed", await State(lapses.Hold));

        await agent.Send(ReportKinds.OperationHeld, leaves);
        await agent.Send(ReportKinds.HoldEnded, new HoldEnd(leaves.Hold, "abandoned", "its client left"));
        await Until(async () => await Find(leaves.Hold) is "Abandoned" or null && await Find(leaves.Hold) != "Waiting");

        await agent.Send(ReportKinds.OperationHeld, late);
        await Until(async () => await Find(late.Hold) == "Waiting");
        using (var dba = host.Client("dba", "dba"))
        {
            (await dba.PostAsJsonAsync($"/v1/holds/{late.Hold}/reviews", new { verdict = "approve" }, Cancel)).EnsureSuccessStatusCode();
        }
        await agent.Send(ReportKinds.HoldEnded, new HoldEnd(late.Hold, "lapsed", "nobody approved it in time"));
        await Until(async () => await Find(late.Hold) == "Abandoned");
        Assert.Contains("released, and did not run", (await host.Get($"/v1/holds/{late.Hold}")).GetProperty("cause").GetString(), StringComparison.Ordinal);

        await agent.Send(ReportKinds.HoldEnded, new HoldEnd(unheard.Hold, "abandoned", "its client left"));
        await agent.IsHeard();
        await agent.Send(ReportKinds.OperationHeld, unheard);
        await agent.IsHeard();
        Assert.True(await Find(unheard.Hold) is null or "Abandoned"); // whichever was taken first: nobody is asked any more
    }

    [Fact]
    public async Task An_agent_opens_holds_for_its_own_sessions_and_ends_its_own_alone()
    {
        await host.Publish(SharedControlPlane.Policy.Replace(
            "- { id: orders, kind: postgresql }", "- { id: orders, kind: postgresql }\n  - { id: payroll, kind: postgresql }", StringComparison.Ordinal) + "\n" + Guardrails);
        await using var payroll = await EnrolledAgent.Enrol(host, "payroll-agent", "payroll");
        var (mine, forged, unknown) = (Operation(), Operation(), Operation(of: Guid.CreateVersion7()));
        await agent.Send(ReportKinds.OperationHeld, mine);
        await payroll.Send(ReportKinds.OperationHeld, forged);
        await agent.Send(ReportKinds.OperationHeld, unknown);
        await Until(async () => await Find(mine.Hold) == "Waiting");
        await payroll.Send(ReportKinds.HoldEnded, new HoldEnd(mine.Hold, "abandoned", "says another"));
        await payroll.IsHeard();
        await agent.IsHeard();
        Assert.Equal(("Waiting", (string?)null, null), (await Find(mine.Hold), await Find(forged.Hold), await Find(unknown.Hold)));
        // whatever the agent says of who decides, the policy's rule counts
        Assert.Equal("dba", (await host.Get($"/v1/holds/{mine.Hold}")).GetProperty("from").GetProperty("groups")[0].GetString());
    }

    [Fact]
    public async Task Of_two_reviewers_at_once_one_decides_and_the_agent_hears_of_one_decision()
    {
        for (var round = 0; round < 6; round++)
        {
            var held = Operation();
            await agent.Send(ReportKinds.OperationHeld, held);
            await Until(async () => await Find(held.Hold) == "Waiting");
            var answers = await Task.WhenAll(Say("dba", "approve"), Say("dba2", "deny"), Say("dba3", "approve"));
            var state = await State(held.Hold);
            var decided = (await host.Services.GetRequiredService<EventLog>().ReadStream(held.Hold, Cancel)).Select(s => s.Event).Where(e => e is HoldReleased or HoldRefused);
            Assert.Equal(state, Assert.Single(decided) is HoldReleased ? "Released" : "Refused");
            Assert.Equal([HttpStatusCode.OK, HttpStatusCode.Conflict, HttpStatusCode.Conflict], answers.Order());
            var decision = agent.Next<HoldDecision>(DirectiveKinds.HoldDecided);
            Assert.Equal((held.Hold, state.ToLowerInvariant()), (decision.Hold, decision.Outcome));

            async Task<HttpStatusCode> Say(string who, string verdict)
            {
                using var client = host.Client(who, "dba");
                using var answer = await client.PostAsJsonAsync($"/v1/holds/{held.Hold}/reviews", new { verdict }, Cancel);
                return answer.StatusCode;
            }
        }
        await agent.IsHeard();
    }

    private async Task<string?> Find(Guid id)
    {
        using var auditor = host.Client("auditor", "auditors");
        using var answer = await auditor.GetAsync(new Uri($"/v1/holds/{id}", UriKind.Relative), Cancel);
        return answer.StatusCode == HttpStatusCode.NotFound ? null : (await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("state").GetString();
    }

    private static async Task Until(Func<Task<bool>> holds)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        while (!await holds())
        {
            Assert.False(patience.IsCancellationRequested, "it did not come to that");
            await Task.Delay(20, Cancel);
        }
    }
}
