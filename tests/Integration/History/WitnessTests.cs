using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.History;
using AccessPlane.Tests.Integration.Agents;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AccessPlane.Tests.Integration.History;

/// <summary>Who is believed that the log was set back, where no directory of checkpoints tells.</summary>
public sealed class WitnessTests : IAsyncLifetime
{
    private ControlPlaneHost before = null!;
    private ControlPlaneHost? after;
    private EnrolledAgent agent = null!;
    private EnrolledAgent other = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
    private ControlPlaneHost Plane => after ?? before;

    public async ValueTask InitializeAsync()
    {
        before = await Start();
        await before.Publish(SharedControlPlane.Policy);
        agent = await EnrolledAgent.Enrol(before, $"orders-{Guid.CreateVersion7():N}"[..30], "orders");
        other = await EnrolledAgent.Enrol(before, $"others-{Guid.CreateVersion7():N}"[..30], "orders");
    }

    public async ValueTask DisposeAsync()
    {
        await agent.DisposeAsync();
        await other.DisposeAsync();
        if (after is not null)
        {
            await after.DisposeAsync();
        }
        await before.DisposeAsync();
    }

    private static Task<ControlPlaneHost> Start(ControlPlaneHost? like = null) =>
        ControlPlaneHost.Start(quiet => quiet.Logging.ClearProviders(), settings: ["--Evidence:Every=01:00:00"], like: like);

    private async Task<JsonElement[]> Rollbacks() => [.. (await Plane.Get("/v1/log/rollbacks")).GetProperty("items").EnumerateArray()];

    /// <summary>What the control plane told the agent last of the log, and can be held to.</summary>
    private async Task<Witness> Told()
    {
        await agent.Send(ReportKinds.CatchUpAsk, new CatchUpAsk(0, 0));
        return agent.NextDirective(DirectiveKinds.State).Witness();
    }

    private async Task<LeaseRefusal> IsRefused(Witness seen)
    {
        var nonce = Guid.CreateVersion7();
        await agent.Send(ReportKinds.LeaseAsk, new LeaseAsk(nonce, seen.Position, seen.Epoch, Guid.CreateVersion7(), null, seen));
        var refusal = agent.Next<LeaseRefusal>(DirectiveKinds.LeaseRefused);
        Assert.Equal(nonce, refusal.Nonce);
        return refusal;
    }

    private async Task Lock(string reason)
    {
        using var admin = Plane.Client("admin", "admins");
        using var answer = await admin.PostAsJsonAsync("/v1/locks", new { on = new { actor = $"{before.Issuer.Address}|contractor" }, reason }, Cancel);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
    }

    [Fact]
    public async Task An_agents_word_is_enough_where_the_control_plane_signed_it_even_when_the_log_has_grown_past_it()
    {
        var grant = (await Plane.Get($"/v1/requests/{await Plane.Ask("engineer", "orders-read")}")).GetProperty("grantId").GetGuid();
        using var backup = await Backup.Make(before.Database);
        await Lock("behind the backup");
        var seen = await Told();
        await before.Stop();
        await backup.Restore();
        after = await Start(before);
        Assert.Empty(await Rollbacks());
        for (var i = 0; i < 5; i++)
        {
            await Lock($"of the other history, {i}");
        }
        Assert.True(await Plane.Services.GetRequiredService<EventLog>().Drawn(Cancel) > seen.Position);

        var refusal = await IsRefused(seen);
        Assert.Equal("history", refusal.Cause);
        var found = Assert.Single(await Rollbacks());
        Assert.Equal(("agent", seen.Position), (found.GetProperty("source").GetString(), found.GetProperty("seenPosition").GetInt64()));
        Assert.Equal(refusal.Rollback, found.GetProperty("id").GetGuid());

        // one that was started anew since can say no more than that: its grants are unknown, and end
        await agent.Send(ReportKinds.Knows, new AgentKnows(refusal.Rollback!.Value, seen.Epoch, seen.Position, 0, null, null, seen));
        while ((await Rollbacks())[0].GetProperty("agents").GetArrayLength() == 0)
        {
            await Task.Delay(20, Cancel);
        }
        Assert.False((await Rollbacks())[0].GetProperty("agents")[0].GetProperty("told").GetBoolean());
        Assert.Equal(grant, Assert.Single((await Rollbacks())[0].GetProperty("endsUnknown").EnumerateArray()).GetGuid());

        using var admin = Plane.Client("admin", "admins");
        using var answer = await admin.PostAsJsonAsync($"/v1/log/rollbacks/{refusal.Rollback}/acknowledge", new { reason = "a drill" }, Cancel);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("Revoked", (await Plane.Get($"/v1/grants/{grant}")).GetProperty("state").GetString());
        await Lock("of the new epoch");
        Directive order;
        do
        {
            order = agent.NextDirective(DirectiveKinds.Lock); // some were sent before anybody knew
        }
        while (order.Epoch == 1);
        Assert.Equal(2, order.Epoch);
        var nonce = Guid.CreateVersion7();
        await agent.Send(ReportKinds.LeaseAsk, new LeaseAsk(nonce, seen.Position, seen.Epoch, Guid.CreateVersion7(), null, seen));
        Assert.Equal(nonce, agent.Next<LeaseAnswer>(DirectiveKinds.Lease).Nonce);
    }

    [Fact]
    public async Task Who_cannot_prove_it_stops_nobody_else()
    {
        var seen = await Told();
        using var forger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var further = seen with { Position = seen.Position + 1_000_000, Mark = Guid.CreateVersion7() };
        var forged = further with { Signature = Signatures.Sign(forger, further.SignedBytes()) };
        foreach (var claim in new[] { further, forged })
        {
            Assert.Equal("unproven", (await IsRefused(claim)).Cause);
        }
        Assert.Empty(await Rollbacks());
        await other.IsHeard();
        Assert.Contains(
            await Plane.Services.GetRequiredService<EventLog>().ReadStream(Ids.Agent(agent.Id), Cancel),
            s => s.Event is EvidenceGapFound { Kind: "report-unusable" } gap && gap.Detail.Contains("cannot prove", StringComparison.Ordinal));
        FaultReport.Saw($"of 2 claims to be 1,000,000 positions ahead, one unsigned and one signed by a stranger, 2 got no lease; the other agent got its own; 0 rollbacks, 1 finding");
    }

    [Fact]
    public async Task A_control_plane_whose_database_is_exchanged_beneath_it_ends_itself()
    {
        using var backup = await Backup.Make(before.Database);
        await Lock("behind the backup");
        var watched = before.Services.GetRequiredService<IHostApplicationLifetime>();
        // it must have seen what is to go
        await before.Services.GetServices<IHostedService>().OfType<RollbackWatch>().Single().Look(Cancel);
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var ending = watched.ApplicationStopping.Register(ended.SetResult);
        await backup.Restore();
        var took = System.Diagnostics.Stopwatch.StartNew();
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(90), Cancel); // it does not go on with what it remembers of another log
        took.Stop();
        after = await Start(before);
        Assert.Equal("control-plane", Assert.Single(await Rollbacks()).GetProperty("source").GetString());
        FaultReport.Saw($"it ended {took.Elapsed.TotalSeconds:0.0} s after another database stood in the place of its own; the next one began with 1 rollback to acknowledge");
    }
}
