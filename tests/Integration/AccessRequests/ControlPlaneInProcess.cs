using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Locks;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.ControlPlane.Resources;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace AccessPlane.Tests.Integration.AccessRequests;

/// <summary>The features about access as the control plane composes them, with their timers and reactions, on a log of their own. No broker, no
/// HTTP: whether an agent acknowledges is up to the test.</summary>
public sealed class ControlPlaneInProcess : IAsyncLifetime
{
    private readonly TestDatabase database = new();
    private ServiceProvider services = null!;

    public EventLog Log => database.Log;
    public bool AgentAnswers { get; set; } = true;

    public T Get<T>()
        where T : notnull => services.GetRequiredService<T>();

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        var features = new ServiceCollection();
        features.AddLogging();
        features.AddSingleton(TimeProvider.System);
        features.AddSingleton(database.Source);
        features.AddSingleton(database.Log);
        features.AddSingleton(database.Handle);
        features.AddSingleton(database.Pulse);
        features.AddSingleton(database.Tail);
        features.AddSingleton<Ownership>().AddHostedService(s => s.GetRequiredService<Ownership>());
        features.AddPolicies().AddResources().AddAccessRequests().AddGrants().AddLocks();
        features.AddSingleton<AgentAcknowledged>((_, _, _, _) => Task.FromResult(AgentAnswers));
        services = features.BuildServiceProvider();
        foreach (var hosted in services.GetServices<IHostedService>())
        {
            await hosted.StartAsync(CancellationToken.None);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var hosted in services.GetServices<IHostedService>().Reverse())
        {
            await hosted.StopAsync(CancellationToken.None);
        }
        await services.DisposeAsync();
        await database.DisposeAsync();
    }

    public static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static EventContext By(Actor actor) => new(actor, Guid.CreateVersion7());

    public async Task Publish(string text)
    {
        var reading = PolicyYaml.Read(text);
        Assert.DoesNotContain(reading.Problems, p => p.Severity == ProblemSeverity.Error);
        var published = await Get<PublishPolicy>().Handle(new Publication(Cast.Admin, true, text, reading.Model!), By(Cast.Admin), null, null, Cancel);
        Assert.Null(published.Refusal);
    }

    public Task<Handled<AccessRequest>> Submit(Actor who, string entitlement, string duration = "20m", Guid? command = null) =>
        Get<SubmitRequest>().Handle(new Submission(Guid.Empty, who, entitlement, Durations.Parse(duration), "why not", null, null!), By(who), command, Cancel);

    /// <summary>Files a request that must wait.</summary>
    public async Task<Guid> Pending(Actor who, string entitlement, string duration = "20m") =>
        Assert.IsType<AccessRequest.Submitted>((await Submit(who, entitlement, duration)).State).Id;

    /// <summary>A grant that was approved automatically, active.</summary>
    public async Task<Guid> Active(Actor who, string entitlement, string duration = "20m")
    {
        var grant = Assert.IsType<AccessRequest.Approved>((await Submit(who, entitlement, duration)).State).Grant;
        Assert.IsType<Grant.Active>((await Get<ActivateGrant>().Handle(grant, who, By(who), null, null, Cancel)).State);
        return grant;
    }

    public Task<Handled<AccessRequest>> Review(Guid request, Actor by, ReviewVerdict verdict = ReviewVerdict.Approve, Guid? command = null) =>
        Get<ReviewRequest>().Handle(request, by, verdict, null, null, By(by), command, null, Cancel);

    public async Task<AccessRequest> Request(Guid id) => (await Get<Handle>().Load(id, AccessRequest.StreamType, AccessRequest.Initial, AccessRequest.Evolve, Cancel)).State;

    public async Task<Grant> Grant(Guid id) => (await Get<Handle>().Load(id, ControlPlane.Grants.Grant.StreamType, ControlPlane.Grants.Grant.Initial, ControlPlane.Grants.Grant.Evolve, Cancel)).State;

    /// <summary>Waits for what a timer or a reaction must bring about.</summary>
    public static async Task<TState> Becomes<TState>(Func<Task<TState>> look, Func<TState, bool> wanted)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        patience.CancelAfter(TimeSpan.FromSeconds(90));
        while (true)
        {
            var state = await look();
            if (wanted(state))
            {
                return state;
            }
            Assert.False(patience.IsCancellationRequested, $"still {state}");
            await Task.Delay(20, Cancel);
        }
    }

    public async Task Enrol(string agent) => Assert.IsType<Appended.Done>(await Log.Append(
        new Append(
            [new StreamAppend(Ids.Agent(agent), "agent", 0, [new AgentEnrolled(agent, ["orders"], "", [new AgentEndpoint("orders", "127.0.0.1", 6432)])])],
            By(Cast.Admin)),
        Cancel));
}
