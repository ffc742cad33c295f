using AccessPlane.ControlPlane.Http;
using FluentValidation;

namespace AccessPlane.ControlPlane.History;

/// <summary>Whether the log is still the one that it was: a restored backup is noticed, and stops everything that agents are told until an admin has seen it.</summary>
public static class HistoryFeature
{
    public static IServiceCollection AddHistory(this IServiceCollection services)
    {
        services.AddSingleton<LogHistories>().AddSingleton<CheckpointWitness>().AddSingleton<CheckpointedLog>().AddSingleton<NoticeRollback>().AddSingleton<AgentSights>();
        services.AddSingleton<WitnessRollback>().AddSingleton<AcknowledgeRollback>();
        services.AddSingleton<IValidator<AcknowledgementBody>, AcknowledgementBody.Rules>();
        services.AddSingleton<IReadiness, HistoryIsWhole>();
        return services.AddHostedService<RollbackWatch>();
    }

    public static IEndpointRouteBuilder MapHistory(this IEndpointRouteBuilder routes)
    {
        ListRollbacks.Map(routes);
        AcknowledgeRollback.Map(routes);
        return routes;
    }

    /// <summary>Calls are served without: who has to acknowledge it must be able to look.</summary>
    private sealed class HistoryIsWhole(LogHistories histories) : IReadiness
    {
        public string Name => "history";

        public bool IsNeeded => false;

        public async ValueTask<string?> WhyNot(CancellationToken cancel) => (await histories.Current(cancel)).Open?.Why;
    }
}
