using AccessPlane.Agent.Directives;
using AccessPlane.Agent.Gate;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Messages;
using MassTransit;
using Microsoft.Extensions.Logging.Console;

namespace AccessPlane.Agent;

/// <summary>Puts an agent together and runs it.</summary>
internal static class AgentHost
{
    public static async Task<int> Run(AgentConfig config)
    {
        // the default would watch the working directory for a changed appsettings.json, and with it every write of the spool
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            ContentRootPath = AppContext.BaseDirectory,
            Args = ["--hostBuilder:reloadConfigOnChange=false"],
        });
        builder.WebHost.UseUrls(config.Health);
        builder.Logging.ClearProviders().AddSimpleConsole(Lines).SetMinimumLevel(LogLevel.Information)
            .AddFilter("Microsoft.AspNetCore", LogLevel.Warning).AddFilter("MassTransit", LogLevel.Warning);
        using var owned = OwnState(config);
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };
        using var loggers = LoggerFactory.Create(l => l.AddSimpleConsole(Lines));
        using var telemetry = AgentTelemetry.Start(config, Environment.GetEnvironmentVariable);
        using var identity = await new Enrol(config, http, BootClock.Instance, loggers.CreateLogger<Enrol>()).Run(CancellationToken.None);
        AddAgent(builder.Services, config, identity);
        var app = builder.Build();
        app.Services.GetRequiredService<Health>().Map(app);
        Begin(app.Services);
        await app.RunAsync();
        return 0;
    }

    internal static void AddAgent(IServiceCollection services, AgentConfig config, AgentIdentity identity)
    {
        services.AddSingleton(config);
        services.AddSingleton(identity);
        services.AddSingleton(_ => new InForce(identity.Id, BootClock.Instance));
        // INVARIANT: all dates are the control plane's. By a host's clock that is wrong, transcripts would be of no grant, and logins at the database over
        services.AddSingleton<TimeProvider>(s => s.GetRequiredService<InForce>().Time);
        services.AddSingleton(_ => new Memory(config.State));
        services.AddSingleton(_ => Tickets.Open(config.State));
        services.AddSingleton(s => new Spool(
            config.State, SpoolLimits.Standard with { Bytes = config.SpoolBytes ?? SpoolLimits.Standard.Bytes },
            (session, key) => identity.SealForControlPlane(key, SpoolKeyAsk.ContextOf(identity.Id, session)), s.GetRequiredService<TimeProvider>()));
        services.AddSingleton(s => new Reports(
            identity, s.GetRequiredService<ReportLine>().Send, s.GetRequiredService<TimeProvider>(), s.GetRequiredService<ILogger<Reports>>()));
        services.AddSingleton<LiveSessions>().AddSingleton<CatchUp>().AddSingleton<PendingLogins>().AddSingleton<Answers>();
        services.AddSingleton<IssuerKeys>().AddSingleton(s => new LoginDesk(
            s.GetRequiredService<InForce>(), identity, s.GetRequiredService<PendingLogins>(),
            ask => s.GetRequiredService<Reports>().Post(ReportKinds.LoginAsk, ask), s.GetRequiredService<TimeProvider>()));
        services.AddSingleton(s => new HoldDesk(
            s.GetRequiredService<InForce>(), s.GetRequiredService<Reports>().Send, s.GetRequiredService<Reports>().Post));
        services.AddSingleton(s => new MaskDesk(
            s.GetRequiredService<InForce>(), masking => s.GetRequiredService<Reports>().Post(ReportKinds.Masking, masking), config.State));
        services.AddSingleton(s => new CatalogDesk(
            names => s.GetRequiredService<Reports>().Post(ReportKinds.Catalog, names), s.GetRequiredService<TimeProvider>()));
        services.AddSingleton<TokenLogins>().AddSingleton<Gate.Gate>().AddSingleton<RecorderFactory>();
        services.AddSingleton<LivenessLease>().AddSingleton<SpoolKeyDesk>().AddSingleton<WhenSpoolDrains>().AddSingleton<WhenDirectiveArrives>().AddSingleton<Health>();
        services.AddHostedService(s => s.GetRequiredService<Reports>());
        services.AddHostedService(s => s.GetRequiredService<WhenSpoolDrains>());
        services.AddHostedService(s => s.GetRequiredService<LivenessLease>());
        services.AddBroker(identity.Enrolment);
        services.AddHostedService<Doors>();
    }

    /// <summary>What must be in place before the first message: the memory of a halt, what an earlier process recorded, the reports of cuts.</summary>
    internal static void Begin(IServiceProvider services)
    {
        var (inForce, live, spool) = (services.GetRequiredService<InForce>(), services.GetRequiredService<LiveSessions>(), services.GetRequiredService<Spool>());
        var reports = services.GetRequiredService<Reports>();
        var memory = services.GetRequiredService<Memory>();
        if (memory.Last.Halted is { } kind)
        {
            if (Bodies.TypeOf(kind) is null)
            {
                inForce.Halt($"the order `{kind}` is not known to this version of the agent: upgrade it");
            }
            else
            {
                memory.Remember(memory.Last with { Halted = null });
            }
        }
        services.GetRequiredService<SpoolKeyDesk>().Begin();
        services.GetRequiredService<LivenessLease>().Withdraw = () => _ = services.GetRequiredService<IBusDepot>().Stop(CancellationToken.None);
        spool.Full = () => live.Freeze(true);
        live.GrantCutOff += (grant, sessions, took) => reports.Post(ReportKinds.Revoked, new RevocationApplied(grant, sessions, took));
        AgentMeter.Watch(inForce, live, spool);
    }

    /// <summary>Two processes with one state would both count sessions and use tickets.</summary>
    private static FileStream OwnState(AgentConfig config)
    {
        Directory.CreateDirectory(config.State, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            return new FileStream(Path.Combine(config.State, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            throw new EnrolmentFailed($"another agent runs with the state folder `{config.State}`");
        }
    }

    /// <summary>As the control plane writes them, so that the two can be laid side by side.</summary>
    private static void Lines(SimpleConsoleFormatterOptions console)
    {
        console.SingleLine = true;
        console.UseUtcTimestamp = true;
        console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z' ";
    }
}
