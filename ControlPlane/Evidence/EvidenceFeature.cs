using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Evidence;

/// <summary>Checkpoints of everything that is recorded, kept outside of the database, and evidence that can be taken away and verified without this server.</summary>
public static class EvidenceFeature
{
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1);

    public static IServiceCollection AddEvidence(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        services.AddOptions<EvidenceOptions>().Configure(o => configuration.Part("Evidence", o))
            .Validate(o => o.Every >= Shortest && o.Checkpoints.Length > 0, "`Evidence:Checkpoints` must name a directory, and `Evidence:Every` be a second or more").ValidateOnStart();
        services.AddSingleton<EvidenceLog>().AddSingleton<CheckpointChains>().AddSingleton<CheckpointFolder>().AddSingleton<TakeCheckpoint>();
        services.AddSingleton<EvidenceCases>().AddSingleton<EvidencePack>().AddSingleton<EvidencePage>().AddSingleton<ExportEvidence>();
        services.AddSingleton<IReadiness, CheckpointsAreKept>();
        services.AddSubscription<CheckpointDeadlines>();
        return services.AddSubscription<WhenCheckpointTaken>();
    }

    public static IEndpointRouteBuilder MapEvidence(this IEndpointRouteBuilder routes)
    {
        ExportEvidence.Map(routes);
        return routes;
    }
}
