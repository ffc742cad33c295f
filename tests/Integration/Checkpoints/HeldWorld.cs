using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.ControlPlane.Holds;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Checkpoints;

/// <summary>A control plane in whose past an operation waited for people, and ran because one of them released it.</summary>
public sealed class HeldWorld : IAsyncLifetime
{
    internal const string Statement = "delete from shop.orders where id = 4711";

    private const string Guardrails = """
        guardrails:
          - { id: bulk, resource: orders, match: { statements: [delete] }, effect: hold, hold: { from: { groups: [dba] }, timeout: 5m, in-transaction: 60s } }

        """;

    internal EvidenceWorld World { get; } = new();
    internal Guid Session { get; } = Guid.CreateVersion7();
    internal Guid Hold { get; } = Guid.CreateVersion7();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await World.InitializeAsync();
        await World.Host.Publish(SharedControlPlane.Policy + "\n" + Guardrails);
        var grant = await World.Approved(await World.Host.Ask("engineer", "orders-write"));
        var until = TimeProvider.System.GetUtcNow().AddMinutes(4);
        Assert.Null(await World.Host.Services.GetRequiredService<WhenOperationHeld>().Handle(World.Agent, Asked(grant, until), Guid.CreateVersion7(), Cancel));
        using (var dba = World.Host.Client("dba", "dba"))
        {
            using var answer = await dba.PostAsJsonAsync($"/v1/holds/{Hold}/reviews", new { verdict = "approve", comment = "the ticket names it" }, Cancel);
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Cancel));
        }
        var released = (await World.Log.ReadStream(Hold, Cancel)).Select(s => s.Event).OfType<HoldReleased>().Single();
        await World.Record(Session, grant, 4, [],
        [
            [
                new(0, default, "statement", Op: 1, Protocol: "simple", Text: Statement, Statements: ["delete"], Effect: Effect.Hold, Policy: 2),
                new(0, default, "hold", Op: 1, Hold: Hold, Until: until),
            ],
            [
                new(0, default, "hold-ended", Op: 1, Outcome: "released", Hold: Hold, By: released.By),
                new(0, default, "result", Op: 1, Outcome: "completed", Status: "I", Rows: 1, Tag: "DELETE 1"),
            ],
        ]);
    }

    public ValueTask DisposeAsync() => World.DisposeAsync();

    private HeldOperation Asked(Guid grant, DateTimeOffset until) => new(
        Hold, Session, grant, 1, "orders", "orders", "app", "simple", "127.0.0.1:5", Statement,
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Statement))), [], "I", new StatementFacts(["delete"], 1), 60, "bulk",
        [new Reason("bulk", Effect.Hold, "somebody must look at it first")], 1,
        new HoldTerms(Who.Nobody with { Groups = ["dba"] }, 1, TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(1)), "what the agent bound it to", until, 2);
}
