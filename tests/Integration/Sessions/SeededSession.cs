using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.EventStore;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Sessions;

/// <summary>A session as the log has it, without an agent and a database.</summary>
internal static class SeededSession
{
    /// <summary>One that was recorded and has not ended.</summary>
    /// <param name="typed">Its one statement.</param>
    public static async Task<Guid> Recorded(ControlPlaneHost host, string holder, Guid grant, string typed, string entitlement = "orders-read")
    {
        var (session, at) = (Guid.CreateVersion7(), new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero));
        var who = new Actor(host.Issuer.Address, holder, holder, ActorKind.Person, ["engineering"], new Dictionary<string, string>(), []);
        var line = JsonSerializer.Serialize(new TranscriptEntry(1, at, "statement", Op: 1, Protocol: "simple", Text: typed), Json.Options) + "\n";
        IEvent[] events =
        [
            new SessionOpened(session, grant, "orders", "orders-agent", who, "orders", "127.0.0.1:1", "psql", at, 1, 1, entitlement),
            new TranscriptRecorded(
                session, "orders-agent", 1, 1, 1, new string('0', 64), Convert.ToHexStringLower(HashChain.Begin(session)), false, line, ""),
        ];
        Assert.IsType<Appended.Done>(await host.Services.GetRequiredService<EventLog>().Append(
            new Append([new StreamAppend(session, "session", 0, events)], new EventContext(Actor.System("test"), Guid.CreateVersion7())), TestContext.Current.CancellationToken));
        return session;
    }

    /// <summary>Another statement of it.</summary>
    public static async Task GoesOn(ControlPlaneHost host, Guid session, string typed)
    {
        var line = JsonSerializer.Serialize(new TranscriptEntry(2, new DateTimeOffset(2026, 1, 31, 12, 0, 1, TimeSpan.Zero), "statement", Op: 2, Protocol: "simple", Text: typed), Json.Options) + "\n";
        var head = Convert.ToHexStringLower(HashChain.Begin(session));
        var log = host.Services.GetRequiredService<EventLog>();
        var version = (await log.ReadStream(session, TestContext.Current.CancellationToken))[^1].Version;
        Assert.IsType<Appended.Done>(await log.Append(
            new Append(
                [new StreamAppend(session, "session", version, [new TranscriptRecorded(session, "orders-agent", 2, 2, 2, head, head, false, line, "")])],
                new EventContext(Actor.System("test"), Guid.CreateVersion7())),
            TestContext.Current.CancellationToken));
    }
}
