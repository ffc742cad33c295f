using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.Audit;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Locks;
using AccessPlane.ControlPlane.Notifications;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.ControlPlane.Resources;
using AccessPlane.ControlPlane.Sessions;

var builder = WebApplication.CreateSlimBuilder(args);
builder.AddEdge();
builder.Services
    .AddIdentity(builder.Configuration)
    .AddEventStore(builder.Configuration)
    .AddPolicies()
    .AddResources()
    .AddAccessRequests()
    .AddGrants()
    .AddLocks()
    .AddAgents()
    .AddSessions()
    .AddAudit()
    .AddNotifications()
    .AddBroker(builder.Configuration)
    .AddHealth()
    .AddApiDescription()
    .AddTelemetry(builder.Configuration);

var app = builder.Build();
app.UseEdge();
app.MapHealth();
app.MapApiDescription();
var v1 = app.MapV1();
v1.MapAccessRequests();
v1.MapGrants();
v1.MapPolicies();
v1.MapResources();
v1.MapLocks();
v1.MapAgents();
v1.MapSessions();
v1.MapAudit();

await app.Services.CreateSchema(app.Lifetime.ApplicationStopping);
await app.RunAsync();
