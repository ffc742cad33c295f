using System.Diagnostics;
using System.Text.Json;
using AccessPlane.Contracts.Messages;
using AccessPlane.Tests.Integration.Agents;
using Xunit;

namespace AccessPlane.Tests.Integration.Grants;

/// <summary>What the API says of a revocation: complete when every agent acknowledged it or its lease ran out, and until when at worst.</summary>
public sealed class RevocationTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    private static string Name(string name) => $"{name}-{Guid.CreateVersion7():N}"[..30];

    private static async Task<JsonElement> Until(Func<Task<JsonElement>> look, Func<JsonElement, bool> holds)
    {
        var patience = Stopwatch.StartNew();
        while (true)
        {
            var seen = await look();
            if (holds(seen))
            {
                return seen;
            }
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(90), seen.ToString());
            await Task.Delay(20, Cancel);
        }
    }

    private static JsonElement At(JsonElement grant, EnrolledAgent agent) =>
        grant.GetProperty("agents").EnumerateArray().Single(a => a.GetProperty("id").GetString() == agent.Id);

    private static bool Acknowledged(JsonElement grant, EnrolledAgent agent) => At(grant, agent).GetProperty("acknowledged").GetBoolean();

    private static DateTimeOffset LeaseEndsAt(JsonElement grant, EnrolledAgent agent) => At(grant, agent).GetProperty("leaseEndsAt").GetDateTimeOffset();

    private static bool IsComplete(JsonElement grant) => grant.GetProperty("agents").EnumerateArray().All(
        a => a.GetProperty("acknowledged").GetBoolean() || !a.TryGetProperty("leaseEndsAt", out var end) || end.GetDateTimeOffset() <= Now);

    [Fact]
    public async Task It_is_complete_when_one_agent_acknowledged_it_and_the_lease_of_the_other_ran_out()
    {
        await using var host = await ControlPlaneHost.Start();
        await host.Publish(SharedControlPlane.Policy.Replace("kind: postgresql }", "kind: postgresql, freeze-after: 3s }", StringComparison.Ordinal));
        await using var reached = await EnrolledAgent.Enrol(host, Name("reached"), "orders");
        await using var away = await EnrolledAgent.Enrol(host, Name("away"), "orders");
        var grant = (await host.Get($"/v1/requests/{await host.Ask("engineer", "orders-read")}")).GetProperty("grantId").GetGuid();
        Assert.Equal(200, (await host.Send(HttpMethod.Post, $"/v1/grants/{grant}/activate", "engineer", "engineering")).Status);
        Assert.False(At(await host.Get($"/v1/grants/{grant}"), away).TryGetProperty("leaseEndsAt", out _));
        await reached.IsHeard();
        var before = Now;
        await away.IsHeard();
        await Until(() => host.Get($"/v1/grants/{grant}"), g => At(g, away).TryGetProperty("leaseEndsAt", out _));

        var revoked = await host.Send(HttpMethod.Post, $"/v1/grants/{grant}/revoke", "admin", "admins", new { reason = "enough" });
        Assert.Equal((200, "Revoked"), (revoked.Status, revoked.State));
        Assert.False(Acknowledged(revoked.Body, reached) || Acknowledged(revoked.Body, away));
        var atWorst = LeaseEndsAt(revoked.Body, away);
        Assert.InRange(atWorst, before.AddSeconds(2.9), Now.AddSeconds(3)); // the clock's ticks are finer than the log's

        Assert.Equal(grant, reached.Next<GrantEnd>(DirectiveKinds.GrantEnded).Grant);
        await reached.Send(ReportKinds.Revoked, new RevocationApplied(grant, 2, TimeSpan.FromMilliseconds(40)));
        var half = await Until(() => host.Get($"/v1/grants/{grant}"), g => Acknowledged(g, reached));
        Assert.Equal((2, "PT0.04S"), (At(half, reached).GetProperty("sessions").GetInt32(), At(half, reached).GetProperty("cut").GetString()));
        Assert.False(Acknowledged(half, away));
        Assert.Equal(atWorst, LeaseEndsAt(half, away)); // silence moves nothing
        var complete = await Until(() => host.Get($"/v1/grants/{grant}"), IsComplete);
        Assert.True(Now >= atWorst && !Acknowledged(complete, away));

        // it comes back with nothing to cut, because it was started anew meanwhile, and says no more than how far it is
        var end = away.NextDirective(DirectiveKinds.GrantEnded);
        await away.Send(ReportKinds.Applied, new Applied(end.Position - 1));
        await away.IsHeard();
        Assert.False(Acknowledged(await host.Get($"/v1/grants/{grant}"), away));
        await away.Send(ReportKinds.Applied, new Applied(end.Position));
        var whole = await Until(() => host.Get($"/v1/grants/{grant}"), g => Acknowledged(g, away));
        Assert.True(IsComplete(whole) && !At(whole, away).TryGetProperty("sessions", out _));
    }
}
