using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.Tests.Integration.Agents;
using Xunit;

namespace AccessPlane.Tests.Integration.Resources;

/// <summary>From an agent's report to an admin's order and back, over the broker and HTTP.</summary>
public sealed class MaskingTests : IAsyncLifetime
{
    private const string Sql = "CREATE SCHEMA accessplane_m_1;";
    private static readonly MaskingFinding Way = new("definer", "public.peek(integer)", "shop.customers.card", "REVOKE EXECUTE ON FUNCTION public.peek(integer) FROM PUBLIC", true);
    private static readonly string Policy = SharedControlPlane.Policy
        .Replace("- { id: orders, kind: postgresql }", "- { id: orders, kind: postgresql, masking: server }", StringComparison.Ordinal);

    private ControlPlaneHost host = null!;
    private EnrolledAgent agent = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        host = await ControlPlaneHost.Start();
        await host.Publish(Policy);
        agent = await EnrolledAgent.Enrol(host, $"orders-{Guid.CreateVersion7():N}"[..30], "orders");
    }

    public async ValueTask DisposeAsync()
    {
        await agent.DisposeAsync();
        await host.DisposeAsync();
    }

    [Fact]
    public async Task An_admin_sees_the_plan_and_its_findings_orders_exactly_it_and_hears_how_it_came_out()
    {
        await Report(MaskingStatus.Planned, Sql, "no admin has applied it yet", Way);
        var planned = Only(await Shows("planned"));
        Assert.Equal((agent.Id, "orders", Sql, MaskingState.PlanOf(Sql)), (Text(planned, "agent"), Text(planned, "database"), Text(planned, "sql"), Text(planned, "plan")));
        Assert.Equal(Way, Assert.Single(planned.GetProperty("findings").Deserialize<List<MaskingFinding>>(Json.Options)!));
        Assert.StartsWith("server planned: `orders`", await Summary(), StringComparison.Ordinal);

        var (refused, problem) = await Apply(MaskingState.PlanOf("DROP SCHEMA shop"));
        Assert.Equal((HttpStatusCode.Conflict, "plan-changed"), (refused, Text(problem, "code")));
        Assert.Contains(MaskingState.PlanOf(Sql), Text(problem, "detail"), StringComparison.Ordinal);

        var (accepted, ordered) = await Apply(MaskingState.PlanOf(Sql));
        Assert.Equal(HttpStatusCode.Accepted, accepted);
        Assert.Equal($"{host.Issuer.Address}|admin", Text(Only(ordered).GetProperty("ordered"), "by"));
        Assert.Equal(new MaskingApply("orders", "orders", MaskingState.PlanOf(Sql)), agent.Next<MaskingApply>(DirectiveKinds.MaskingApply));
        // whoever was away hears of it with everything else
        await agent.Send(ReportKinds.CatchUpAsk, new CatchUpAsk(0, 0));
        Assert.Equal([new MaskingApply("orders", "orders", MaskingState.PlanOf(Sql))], agent.Next<AgentState>(DirectiveKinds.State).Masking);

        await Report(MaskingStatus.Ready, Sql);
        Assert.Equal(Sql, Text(Only(await Shows("ready")), "sql"));
        Assert.Equal("server ready", await Summary());
    }

    [Fact]
    public async Task Who_asks_for_access_hears_why_no_session_would_open()
    {
        await Report(MaskingStatus.Unavailable, "", "the agent's credential may not create roles");
        await Shows("unavailable");
        using var engineer = host.Client("engineer", "engineering");
        using var asked = await engineer.PostAsJsonAsync("/v1/requests", new { entitlement = "orders-read", reason = "a test" }, Cancel);
        var request = await asked.Content.ReadFromJsonAsync<JsonElement>(Cancel);
        Assert.Equal("no session of `orders` may open yet: masking: server unavailable: `orders`: the agent's credential may not create roles", Text(request, "notice"));

        using var ticket = await engineer.PostAsJsonAsync($"/v1/grants/{Text(request, "grantId")}/tickets", new { }, Cancel);
        var problem = await ticket.Content.ReadFromJsonAsync<JsonElement>(Cancel);
        Assert.Equal((HttpStatusCode.Conflict, "masking-not-in-force"), (ticket.StatusCode, Text(problem, "code")));
        Assert.Contains("may not create roles", Text(problem, "detail"), StringComparison.Ordinal);

        var (nothing, why) = await Apply(MaskingState.PlanOf(""));
        Assert.Equal((HttpStatusCode.Conflict, "nothing-planned"), (nothing, Text(why, "code")));
    }

    [Fact]
    public async Task What_is_said_again_or_of_another_resource_is_not_written()
    {
        await Report(MaskingStatus.Planned, Sql);
        var etag = await Etag("planned");
        await Report(MaskingStatus.Planned, Sql);
        await agent.Send(ReportKinds.Masking, new MaskingState("payroll", "orders", MaskingState.PlanOf(Sql), MaskingStatus.Ready, null, Sql, []));
        await agent.IsHeard();
        await Report(MaskingStatus.Ready, Sql);
        // one event, not two: the report that said the same is not in the log
        Assert.Equal($"\"{int.Parse(etag.Trim('"'), null) + 1}\"", await Etag("ready"));
    }

    [Fact]
    public async Task It_is_for_admins_and_auditors()
    {
        await Report(MaskingStatus.Planned, Sql);
        await Shows("planned");
        using var engineer = host.Client("engineer", "engineering");
        using var look = await engineer.GetAsync(new Uri("/v1/resources/orders/masking", UriKind.Relative), Cancel);
        Assert.Equal(HttpStatusCode.Forbidden, look.StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await Apply(MaskingState.PlanOf(Sql), "auditor", "auditors")).Status);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await Apply("not a hash")).Status);
        using var admin = host.Client("admin", "admins");
        using var none = await admin.GetAsync(new Uri("/v1/resources/nothing/masking", UriKind.Relative), Cancel);
        Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
    }

    private Task Report(MaskingStatus status, string sql, string? reason = null, params MaskingFinding[] findings) =>
        agent.Send(ReportKinds.Masking, new MaskingState("orders", "orders", MaskingState.PlanOf(sql), status, reason, sql, findings));

    /// <summary>The answer once the agent's last word is in it; the resource itself follows from the policy, and may not be there yet either.</summary>
    private Task<JsonElement> Shows(string status) => AccessRequests.ControlPlaneInProcess.Becomes(
        Look, m => m.ValueKind == JsonValueKind.Object && m.GetProperty("databases").EnumerateArray().Any(d => Text(d, "status") == status));

    private async Task<JsonElement> Look()
    {
        using var auditor = host.Client("auditor", "auditors");
        using var answer = await auditor.GetAsync(new Uri("/v1/resources/orders/masking", UriKind.Relative), Cancel);
        return answer.StatusCode == HttpStatusCode.NotFound ? default : await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>(Cancel);
    }

    private async Task<string> Etag(string status)
    {
        await Shows(status);
        using var auditor = host.Client("auditor", "auditors");
        using var answer = await auditor.GetAsync(new Uri("/v1/resources/orders/masking", UriKind.Relative), Cancel);
        return answer.Headers.ETag!.Tag;
    }

    private async Task<string> Summary() => Text(Assert.Single((await host.Get("/v1/resources")).GetProperty("items").EnumerateArray()), "masking");

    private async Task<(HttpStatusCode Status, JsonElement Answer)> Apply(string plan, string by = "admin", string group = "admins")
    {
        using var client = host.Client(by, group);
        using var answer = await client.PostAsJsonAsync("/v1/resources/orders/masking/apply", new { database = "orders", plan }, Cancel);
        return (answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel));
    }

    private static JsonElement Only(JsonElement masking) => Assert.Single(masking.GetProperty("databases").EnumerateArray());

    private static string Text(JsonElement of, string member) => of.GetProperty(member).GetString()!;
}
