using AccessPlane.Projections;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AccessPlane.ControlPlane.EventStore;

public static partial class EventStoreFeature
{
    public static IServiceCollection AddEventStore(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddSingleton(_ => Open(
            configuration.GetConnectionString("Log") ?? throw new OptionsValidationException("ConnectionStrings", typeof(string), ["`ConnectionStrings:Log` is not set: it names the log's database"])));
        services.AddSingleton<Schema>();
        services.AddSingleton<EventLog>();
        services.AddSingleton<Handle>();
        services.AddSingleton<LogPulse>();
        services.AddHostedService(s => s.GetRequiredService<LogPulse>());
        services.AddSingleton<LogTail>();
        // before whatever it owns for: it stops after them
        services.AddSingleton<Ownership>();
        services.AddHostedService(s => s.GetRequiredService<Ownership>());
        services.AddReadModels();
        services.AddSingleton<ReadBarrier>();
        services.AddHostedService<ProjectionRunner>();
        services.AddHostedService<ForgetCommands>();
        return services;
    }

    /// <summary>Follows the log from this replica, or stands by while another one does.</summary>
    public static IServiceCollection AddSubscription<T>(this IServiceCollection services)
        where T : Subscription
    {
        services.AddSingleton<T>();
        return services.AddSingleton<IHostedService>(s => ActivatorUtilities.CreateInstance<SubscriptionRunner>(s, s.GetRequiredService<T>()));
    }

    /// <summary>As <see cref="AddSubscription{T}(IServiceCollection)"/>, one of several of a kind.</summary>
    public static IServiceCollection AddSubscription(this IServiceCollection services, Func<IServiceProvider, Subscription> make) =>
        services.AddSingleton<IHostedService>(s => ActivatorUtilities.CreateInstance<SubscriptionRunner>(s, make(s)));

    /// <summary>Makes what the database lacks. Before the host starts, because everything hosted reads the log.</summary>
    public static async Task CreateSchema(this IServiceProvider services, CancellationToken cancel)
    {
        var (clock, log) = (services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILoggerFactory>().CreateLogger("AccessPlane.EventStore"));
        for (; ; )
        {
            try
            {
                await services.GetRequiredService<Schema>().Create(cancel);
                await services.GetRequiredService<Projector>().CreateTables(cancel);
                return;
            }
            // a database that starts after us, or is in recovery, is waited for; any other failure ends the start
            catch (NpgsqlException outage) when (Http.Errors.IsOutage(outage))
            {
                LogWaiting(log, outage.Message);
                await Task.Delay(TimeSpan.FromSeconds(1), clock, cancel);
            }
        }
    }

    /// <summary>The log's database. The few statements that are run again and again are planned once per connection. Whoever changes a session's settings
    /// changes them back (<see cref="Schema.LetGo"/>): the driver's own cleaning costs as much as a statement, each time.</summary>
    public static NpgsqlDataSource Open(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString) { NoResetOnClose = true };
        if (settings.MaxAutoPrepare == 0)
        {
            settings.MaxAutoPrepare = 40;
            settings.AutoPrepareMinUsages = 3;
        }
        return new NpgsqlDataSourceBuilder(settings.ConnectionString).Build();
    }

    private static void AddReadModels(this IServiceCollection services)
    {
        services.AddSingleton<Requests>();
        services.AddSingleton<PendingApprovals>();
        services.AddSingleton<GrantsByHolder>();
        services.AddSingleton<Projections.Sessions>();
        services.AddSingleton<Operations>();
        services.AddSingleton<RulingBases>();
        services.AddSingleton<AgentHealth>();
        services.AddSingleton<AccessAsOf>();
        services.AddSingleton<HeldOperations>();
        services.AddSingleton<Rows>(s => new Rows(s.GetRequiredService<NpgsqlDataSource>()));
        services.AddSingleton(s => new Projector(
            s.GetRequiredService<NpgsqlDataSource>(),
            [
                s.GetRequiredService<Requests>(), s.GetRequiredService<PendingApprovals>(), s.GetRequiredService<GrantsByHolder>(),
                s.GetRequiredService<Projections.Sessions>(), s.GetRequiredService<Operations>(), s.GetRequiredService<RulingBases>(), s.GetRequiredService<AgentHealth>(),
                s.GetRequiredService<AccessAsOf>(), s.GetRequiredService<HeldOperations>(),
            ]));
    }

    [LoggerMessage(LogLevel.Warning, "the log's database cannot be used yet: {Why}")]
    private static partial void LogWaiting(ILogger log, string why);
}
