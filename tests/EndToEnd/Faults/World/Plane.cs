using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd.Faults.World;

/// <summary>One of the control planes that stand side by side over the same log and broker, with the same keys.</summary>
internal sealed class Plane : IAsyncDisposable
{
    private readonly Daemon daemon;

    public Plane(Product product, int index)
    {
        var issuer = TestWorld.Variable("ACCESSPLANE_TEST_OIDC");
        var folder = $"{TestWorld.State}/{product.Name}";
        Address = $"http://127.0.0.1:{product.Port(index)}";
        Name = $"faults-plane-{index + 1}";
        Api = new Api(new Uri(Address), new Uri(issuer), TestWorld.Variable("ACCESSPLANE_TEST_OIDC_SECRET"));
        daemon = new Daemon(Name, TestWorld.Program("control-plane", "ControlPlane"), [], new Dictionary<string, string>
        {
            ["HOME"] = folder,
            ["DOTNET_ENVIRONMENT"] = "Production",
            ["Logging__LogLevel__Microsoft.AspNetCore"] = "Warning",
            ["Urls"] = Address,
            ["PublicUrl"] = Address,
            // whose a connection is can be seen at the server
            ["ConnectionStrings__Log"] = new NpgsqlConnectionStringBuilder(TestWorld.Log) { Database = product.Name, ApplicationName = Name }.ConnectionString,
            ["Broker__Uri"] = product.Broker.Address.ToString(),
            ["Broker__ManagementUri"] = TestWorld.Variable("ACCESSPLANE_TEST_RABBIT_API"),
            ["Broker__AgentUri"] = $"amqp://127.0.0.1:{product.Port(5)}{product.Broker.Address.AbsolutePath}",
            ["Keys__Path"] = folder,
            ["Evidence__Checkpoints"] = $"{folder}/checkpoints",
            ["Identity__Issuers__0__Issuer"] = issuer,
            ["Identity__Issuers__0__Audience"] = "accessplane",
            ["Identity__Issuers__0__ReviewAudience"] = "accessplane-reviews",
            ["Identity__Issuers__0__Algorithms__0"] = "RS256",
            ["Identity__Issuers__0__GroupsClaim"] = "groups",
            ["Identity__Issuers__0__KindClaim"] = "kind",
            ["Identity__Issuers__0__DefaultKind"] = "person",
            ["Roles__Admins__0"] = "admins",
            ["Roles__Auditors__0"] = "auditors",
            // all calls of a test come from one address
            ["Limits__PerAddress"] = "100000",
            ["Limits__PerAddressBurst"] = "100000",
            ["Limits__Overall"] = "100000",
            ["Limits__OverallBurst"] = "100000",
        });
    }

    public string Name { get; }
    public string Address { get; }
    public Api Api { get; }
    public bool Runs => daemon.Runs;

    public async Task Start()
    {
        daemon.Start();
        await Ready();
    }

    public Task Ready() => Wait.Until(() => Product.Answers($"{Address}/health/ready"), 120, () => $"{Name} is not ready");

    public Task Kill() => daemon.Kill();

    public Task Pause() => daemon.Pause();

    public Task Resume() => daemon.Resume();

    public async ValueTask DisposeAsync()
    {
        await daemon.DisposeAsync();
        Api.Dispose();
    }
}
