using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.Audit;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.ControlPlane.CommandLine;
using AccessPlane.ControlPlane.Console;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Evidence;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.History;
using AccessPlane.ControlPlane.Holds;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Integrations;
using AccessPlane.ControlPlane.Keys;
using AccessPlane.ControlPlane.Locks;
using AccessPlane.ControlPlane.Notifications;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.ControlPlane.Resources;
using AccessPlane.ControlPlane.Sessions;

namespace AccessPlane.ControlPlane;

/// <summary>The composition root: what the control plane is made of, one line each.</summary>
public static class Program
{
    public static Task<int> Main(string[] args) => Life.Of(() => Compose(args), System.Console.Error);

    /// <param name="args">Configuration, `--Section:Name=value`; the environment and appsettings.json come before it, the files of `Secrets:Path` after.</param>
    /// <param name="adjust">What a test puts in the place of something.</param>
    public static WebApplication Compose(string[] args, Action<WebApplicationBuilder>? adjust = null)
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        builder.AddHttp();
        builder.Services
            .AddEventStore(builder.Configuration)
            .AddKeys()
            .AddHistory()
            .AddPolicies()
            .AddResources()
            .AddAccessRequests()
            .AddGrants()
            .AddLocks()
            .AddHolds()
            .AddAgents()
            .AddSessions()
            .AddAudit()
            .AddEvidence(builder.Configuration)
            .AddNotifications()
            .AddIntegrations(builder.Configuration)
            .AddBroker(builder.Configuration)
            .AddConsole(builder.Configuration)
            .AddCommandLine(builder.Configuration);
        adjust?.Invoke(builder);

        var app = builder.Build();
        var v1 = app.MapHttp();
        v1.MapAccessRequests();
        v1.MapGrants();
        v1.MapPolicies();
        v1.MapResources();
        v1.MapLocks();
        v1.MapHolds();
        v1.MapAgents();
        v1.MapSessions();
        v1.MapAudit();
        v1.MapEvidence();
        v1.MapHistory();
        v1.MapKeys();
        v1.MapNotifications();
        v1.MapIntegrations();
        v1.MapCommandLine();
        app.MapConsole();
        return app;
    }
}
