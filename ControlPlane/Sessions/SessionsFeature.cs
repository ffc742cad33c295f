using FluentValidation;

namespace AccessPlane.ControlPlane.Sessions;

/// <summary>What happened: transcripts taken from the agents, read by people, sessions ended by order.</summary>
public static class SessionsFeature
{
    public static IServiceCollection AddSessions(this IServiceCollection services) => services
        .AddSingleton<IValidator<TerminateSessionBody>, TerminateSessionBody.Rules>()
        .AddSingleton<IngestSegment>()
        .AddSingleton<RecordFinding>()
        .AddSingleton<SessionStreams>()
        .AddHostedService<WatchSessionNumbers>();

    public static IEndpointRouteBuilder MapSessions(this IEndpointRouteBuilder routes)
    {
        TerminateSession.Map(routes);
        GetTranscript.Map(routes);
        GetSegments.Map(routes);
        ListSessions.Map(routes);
        GetSession.Map(routes);
        return routes;
    }
}
