using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.ControlPlane.EventStore;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Http;

/// <summary>Each call there is that changes something, twice under one Idempotency-Key: the second time nothing happens, and the answer is the first one or says why it cannot be.</summary>
public sealed class EveryCommandTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private sealed record Call(string Of, string Path, string Who, string Group, object? Body, int First = 200, string? Second = null)
    {
        public HttpMethod Method { get; init; } = HttpMethod.Post;

        public string Name => $"{Method} {Of}";
    }

    /// <summary>Those that need a world of their own, with where they are sent twice.</summary>
    private static readonly string[] Elsewhere =
    [
        "POST /v1/agents/{id}/rotate-key", // of an agent that is there: AgentKeyTests
        "POST /v1/agents/{id}/enrol", // anonymous: its one-time token is what makes it once
        "POST /v1/log/rollbacks/{id}/acknowledge", // what was acknowledged is refused
        "POST /v1/resources/{id}/masking/apply", // the same order is another try
    ];

    private static Actor Person(ControlPlaneHost host, string name) =>
        new(host.Issuer.Address, name, name, ActorKind.Person, ["engineering"], new Dictionary<string, string>(), []);

    private static async Task<Guid> Append(ControlPlaneHost host, string type, Func<Guid, IEvent> first)
    {
        var id = Guid.CreateVersion7();
        await host.Services.GetRequiredService<EventLog>().Append(
            new Append([new StreamAppend(id, type, 0, [first(id)])], new EventContext(Actor.System("test"), Guid.CreateVersion7())), Cancel);
        return id;
    }

    private static Task<Guid> Held(ControlPlaneHost host) => Append(host, "hold", id => new OperationHeld(
        id, "an-agent", Person(host, "engineer"), "orders-write",
        new HeldOperation(
            id, Guid.CreateVersion7(), Guid.CreateVersion7(), 1, "orders", "orders", "app", "simple", "127.0.0.1:5", "delete from orders", "", [], "I", StatementFacts.NotUnderstood("a test"),
            10, "bulk", [], 1, new HoldTerms(Who.Nobody with { Groups = ["dba"] }, 1, TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(1)), "", DateTimeOffset.MaxValue, 1),
        Who.Nobody with { Groups = ["dba"] }, 1, TimeProvider.System.GetUtcNow().AddMinutes(5)));

    private static Task<Guid> Open(ControlPlaneHost host) => Append(host, "session", id => new SessionOpened(
        id, Guid.CreateVersion7(), "orders", "an-agent", Person(host, "engineer"), "orders", "127.0.0.1:1", "psql", TimeProvider.System.GetUtcNow(), 1, 1));

    private static async Task<Guid> Granted(ControlPlaneHost host, string entitlement = "orders-read", string who = "engineer", string group = "engineering") =>
        (await host.Send(HttpMethod.Post, "/v1/requests", who, group, new { entitlement, duration = "PT1H", reason = "a test" })).Body.GetProperty("grantId").GetGuid();

    [Fact]
    public async Task A_repeat_changes_nothing()
    {
        await using var host = await ControlPlaneHost.Start();
        var policy = SharedControlPlane.Policy;
        await host.Publish(policy);
        var approver = $"again-{Guid.CreateVersion7():N}"[..30];
        var (active, spare) = (await Granted(host), await Granted(host));
        var placed = (await host.Send(HttpMethod.Post, "/v1/locks", "admin", "admins", new { on = new { agent = "another" }, reason = "x" })).Id;
        List<Call> calls =
        [
            new("/v1/requests", "/v1/requests", "engineer", "engineering", new { entitlement = "orders-read", reason = "x" }, 201),
            new("/v1/requests/{id}/reviews", $"/v1/requests/{await host.Ask("engineer", "orders-write")}/reviews", "dba", "dba", new { verdict = "approve" }),
            new("/v1/requests/{id}/cancel", $"/v1/requests/{await host.Ask("engineer", "orders-write")}/cancel", "engineer", "engineering", null),
            new("/v1/grants/{id}/activate", $"/v1/grants/{active}/activate", "engineer", "engineering", null),
            new("/v1/grants/{id}/extend", $"/v1/grants/{active}/extend", "engineer", "engineering", new { duration = "PT5M" }, 201),
            new("/v1/grants/{id}/tickets", $"/v1/grants/{active}/tickets", "engineer", "engineering", new { }, 503, "503 agent-not-reached"), // one that was issued: StoryTests
            new("/v1/grants/{id}/revoke", $"/v1/grants/{active}/revoke", "admin", "admins", new { reason = "x" }),
            new("/v1/grants/{id}/surrender", $"/v1/grants/{spare}/surrender", "engineer", "engineering", null),
            new("/v1/grants/{id}/reviews", $"/v1/grants/{await Granted(host, "orders-glass", "on-call", "on-call")}/reviews", "security", "security", new { verdict = "deny" }),
            new("/v1/sessions/{id}/terminate", $"/v1/sessions/{await Open(host)}/terminate", "admin", "admins", new { reason = "x" }, 202),
            new("/v1/holds/{id}/reviews", $"/v1/holds/{await Held(host)}/reviews", "dba", "dba", new { verdict = "approve" }),
            new("/v1/policies/validate", "/v1/policies/validate", "admin", "admins", policy),
            new("/v1/policies/what-if", "/v1/policies/what-if", "admin", "admins", policy),
            new("/v1/locks", "/v1/locks", "admin", "admins", new { on = new { agent = "no-agent" }, reason = "x" }, 201),
            new("/v1/agents", "/v1/agents", "admin", "admins", new { id = "an-agent", resources = new[] { "orders" } }, 201, "409 agent-already-invited"),
            new("/v1/agents/{id}/retire", "/v1/agents/an-agent/retire", "admin", "admins", new { reason = "x" }, 204),
            new("/v1/projections/{name}/rebuild", "/v1/projections/requests/rebuild", "admin", "admins", null),
            new("/v1/keys/{use}/rotate", "/v1/keys/signing/rotate", "admin", "admins", new { reason = "x" }),
            new("/v1/keys/signing/retire", "/v1/keys/signing/retire", "admin", "admins", new { reason = "x" }),
            new("/v1/approvers", "/v1/approvers", "admin", "admins", new { name = approver, groups = new[] { "dba" } }, 201),
            new("/v1/approvers/{name}", $"/v1/approvers/{approver}", "admin", "admins", null, 204) { Method = HttpMethod.Delete },
            new("/v1/policies", "/v1/policies", "admin", "admins", policy + "\n# a remark\n") { Method = HttpMethod.Put },
            new("/v1/locks/{id}", $"/v1/locks/{placed}", "admin", "admins", null) { Method = HttpMethod.Delete },
            new("/v1/locks/all", "/v1/locks/all", "admin", "admins", new { reason = "x" }, 201),
        ];
        using var anyone = host.Client();
        var api = JsonSerializer.Deserialize<JsonElement>(await anyone.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative), Cancel));
        var commands = api.GetProperty("paths").EnumerateObject().SelectMany(
            p => p.Value.EnumerateObject().Where(o => o.Name != "get").Select(o => $"{o.Name.ToUpperInvariant()} {p.Name}"));
        Assert.Equal(commands.Order(StringComparer.Ordinal), calls.Select(c => c.Name).Concat(Elsewhere).Order(StringComparer.Ordinal));

        foreach (var call in calls)
        {
            var first = await host.Send(call.Method, call.Path, call.Who, call.Group, call.Body, key: "the key");
            Assert.True(first.Status == call.First, $"{call.Name}: {first.Code}");
            var second = await host.Send(call.Method, call.Path, call.Who, call.Group, call.Body, key: "the key");
            if (call.Second is { } refused)
            {
                Assert.Equal(refused, second.Code);
            }
            else
            {
                Assert.True(second.Status == first.Status && second.ETag == first.ETag, $"{call.Name}: {second.Code} with {second.ETag} after {first.ETag}");
            }
            var events = (await host.Get($"/v1/audit/events?correlation={second.Correlation}")).GetProperty("items");
            Assert.True(events.GetArrayLength() == 0, $"{call.Name}: {events}");
        }
    }
}
