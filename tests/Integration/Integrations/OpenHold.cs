using System.Security.Cryptography;
using System.Text;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.ControlPlane.EventStore;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Integrations;

/// <summary>What an agent's question about a statement leaves in the log, without an agent.</summary>
internal static class OpenHold
{
    /// <summary>A statement of an engineer waits for somebody of `dba`.</summary>
    /// <returns>The hold's id.</returns>
    public static async Task<Guid> Hold(this ControlPlaneHost host, string text)
    {
        var (id, now) = (Guid.CreateVersion7(), TimeProvider.System.GetUtcNow());
        var engineer = new Actor(host.Issuer.Address, "engineer", "engineer", ActorKind.Person, ["engineering"], new Dictionary<string, string>(), []);
        var dba = Who.Nobody with { Groups = ["dba"] };
        await host.Services.GetRequiredService<EventLog>().Append(
            new Append(
                [
                    new StreamAppend(id, "hold", 0,
                    [
                        new OperationHeld(
                            id, "an-agent", engineer, "orders-write",
                            new HeldOperation(
                                id, Guid.CreateVersion7(), Guid.CreateVersion7(), 1, "orders", "orders", "app", "simple", "127.0.0.1:5", text,
                                Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))), [], "I", StatementFacts.NotUnderstood("a test"), 10, "bulk", [], 1,
                                new HoldTerms(dba, 1, TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(1)), $"binding of {text}", DateTimeOffset.MaxValue, 1),
                            dba, 1, now.AddMinutes(5)),
                    ]),
                ],
                new EventContext(Actor.System("test"), Guid.CreateVersion7())), TestContext.Current.CancellationToken);
        return id;
    }
}
