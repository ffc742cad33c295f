using AccessPlane.ControlPlane.Broker;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.Projections;
using MassTransit;

namespace AccessPlane.ControlPlane.Http;

/// <summary>Something that must work: most without which calls cannot be served.</summary>
public interface IReadiness
{
    /// <summary>`log`, `broker`, `projections`, `policy`, `checkpoints`.</summary>
    string Name { get; }

    /// <summary>Whether calls cannot be served without it; otherwise somebody should look at it.</summary>
    bool IsNeeded => true;

    /// <summary>Why it is not ready; null when it is.</summary>
    ValueTask<string?> WhyNot(CancellationToken cancel);
}

/// <param name="Status">`ready`; `degraded`, where calls are served and somebody should look all the same; or `not-ready`.</param>
/// <param name="Checks">Each thing that must work: `ok`, or why it does not.</param>
public sealed record HealthAnswer(string Status, IReadOnlyDictionary<string, string> Checks);

public static class HealthFeature
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public static IServiceCollection AddHealth(this IServiceCollection services)
    {
        services.AddSingleton<IReadiness, LogIsReachable>();
        services.AddSingleton<IReadiness, BrokerIsConnected>();
        return services.AddSingleton<IReadiness, ReadModelsAreCaughtUp>();
    }

    public static IEndpointRouteBuilder MapHealth(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/health/live", () => new HealthAnswer("live", new Dictionary<string, string>()))
            .DisableRateLimiting() // whoever restarts what does not answer must not be made to by too many callers
            .WithName("Live").WithTags("Health").WithSummary("The process runs");
        routes.MapGet("/health/ready", async (IEnumerable<IReadiness> needed, CancellationToken cancel) =>
            {
                var checks = await Task.WhenAll(needed.Select(async n => (n.Name, n.IsNeeded, Why: await Ask(n, cancel))));
                var ready = checks.All(c => c.Why is null || !c.IsNeeded);
                var status = !ready ? "not-ready" : checks.All(c => c.Why is null) ? "ready" : "degraded";
                var answer = new HealthAnswer(status, checks.OrderBy(c => c.Name).ToDictionary(c => c.Name, c => c.Why ?? "ok"));
                return ready ? Results.Ok(answer) : Results.Json(answer, statusCode: StatusCodes.Status503ServiceUnavailable);
            })
            .WithName("Ready").WithTags("Health").WithSummary("Calls can be served: the log, the broker, the read models and the policy are there")
            .Produces<HealthAnswer>().Produces<HealthAnswer>(StatusCodes.Status503ServiceUnavailable);
        return routes;
    }

    private static async Task<string?> Ask(IReadiness needed, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(Patience);
        try
        {
            return await needed.WhyNot(limit.Token);
        }
        // the question is whether it works: whatever it threw, it does not. What exactly is in the log, not in an answer to anyone.
        catch (Exception failure) when (!cancel.IsCancellationRequested)
        {
            return failure is OperationCanceledException ? "does not answer in time" : "cannot be reached";
        }
    }

    private sealed class LogIsReachable(EventLog log) : IReadiness
    {
        public string Name => "log";

        public async ValueTask<string?> WhyNot(CancellationToken cancel)
        {
            await log.Head(cancel);
            return null;
        }
    }

    private sealed class BrokerIsConnected(IBusControl reports, OrderLine orders) : IReadiness
    {
        public string Name => "broker";

        public ValueTask<string?> WhyNot(CancellationToken cancel) =>
            ValueTask.FromResult(orders.IsConnected && reports.CheckHealth().Status == BusHealthStatus.Healthy ? null : "is not connected");
    }

    private sealed class ReadModelsAreCaughtUp(ReadBarrier barrier, Projector projector) : IReadiness
    {
        public string Name => "projections";

        public async ValueTask<string?> WhyNot(CancellationToken cancel)
        {
            // one that cannot be read until it is folded anew answers for itself: all others work
            var readable = (await projector.Status(cancel)).Where(s => s.Readable).Select(s => s.Name).ToHashSet();
            await barrier.CaughtUp([.. projector.Projections.Where(p => readable.Contains(p.Name))], cancel);
            return null;
        }
    }
}
