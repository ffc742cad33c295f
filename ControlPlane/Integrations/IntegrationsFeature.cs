using System.Diagnostics.CodeAnalysis;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>Telling others beside the queue: what approvers hear of, and the whole log.</summary>
public static class IntegrationsFeature
{
    /// <exception cref="OptionsValidationException">The configuration is wrong, a line for each thing.</exception>
    public static IServiceCollection AddIntegrations(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var options = configuration.Part<IntegrationOptions>("Integrations");
        var issuers = configuration.Part<IdentityOptions>("Identity").Issuers.Select(i => i.Issuer).ToList();
        if (IntegrationRules.Problems(options, issuers).ToList() is { Count: > 0 } problems)
        {
            throw new OptionsValidationException("Integrations", typeof(IntegrationOptions), problems);
        }
        services.AddSingleton(options);
        if (options.Destinations.Count == 0)
        {
            return services;
        }
        var url = (configuration["PublicUrl"] ?? "").TrimEnd('/');
        List<DestinationState> states = [];
        services.AddSingleton<Poster>().AddSingleton<SlackActions>();
        foreach (var (name, destination) in options.Destinations)
        {
            var state = new DestinationState(name);
            states.Add(state);
            services.AddSubscription(s => Make(s, destination, state, url));
        }
        return services.AddSingleton<IReadiness>(s => new DestinationsAreReached(states))
            .AddSingleton<IHostedService>(s => new Lag(states, s.GetRequiredService<TimeProvider>()));
    }

    /// <summary>The way back from Slack is there where somebody may come by it.</summary>
    public static IEndpointRouteBuilder MapIntegrations(this IEndpointRouteBuilder routes)
    {
        ArgumentNullException.ThrowIfNull(routes);
        if (routes.ServiceProvider.GetRequiredService<IntegrationOptions>().Destinations.Values.Any(d => d.SigningSecretFile is not null))
        {
            SlackActions.Map(routes);
        }
        return routes;
    }

    private static Subscription Make(IServiceProvider services, DestinationOptions options, DestinationState state, string url)
    {
        var (poster, clock, log) = (services.GetRequiredService<Poster>(), services.GetRequiredService<TimeProvider>(), services.GetRequiredService<EventLog>());
        var logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("AccessPlane.Integrations");
        var delivery = new Delivery(options, state, clock, logger);
        var source = CloudEvent.SourceOf(url);
        if (options.IsAudit)
        {
            IAuditSink sink = options.What == DestinationKind.AuditFile ? new AuditFile(options) : new AuditHttp(options, poster, clock);
            return new StreamAudit(options, sink, new AuditEvent(source, options.Transcripts), log, state, delivery);
        }
        INewsChannel channel = options.What switch
        {
            DestinationKind.Slack when options.IsBot => new SlackBot(
                new SlackApi(options, poster), new SlackMessages(state.Name, services.GetRequiredService<NpgsqlDataSource>(), clock), Words(), logger),
            DestinationKind.Slack => new SlackChannel(options, poster, Words()),
            DestinationKind.Email => new MailChannel(options, url),
            _ => new WebhookChannel(options, poster, clock, source),
        };
        return new DeliverNews(options, channel, log, state, delivery, url);

        SlackWords Words() => new(state.Name, options, services.GetRequiredService<PolicySource>(), url);
    }

    /// <summary>The gauge lives as long as the host.</summary>
    [SuppressMessage("Performance", "CA1812", Justification = "made by the host")]
    private sealed class Lag(IReadOnlyList<DestinationState> all, TimeProvider clock) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken)
        {
            DestinationState.MeasureLag(all, clock);
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
