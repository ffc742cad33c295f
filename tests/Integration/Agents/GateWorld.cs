using AccessPlane.Agent.Directives;
using AccessPlane.Agent.Gate;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Integration.Http;
using AccessPlane.Tests.Unit.Agent;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>The one way in at an agent beside `orders`: with a real issuer and real files, and the test in the control plane's place.</summary>
internal sealed class GateWorld : IAsyncDisposable
{
    public static readonly TokenLogin People = new([ActorKind.Person], Once: false);
    private readonly IssuerKeys keys = new(TimeProvider.System);

    private GateWorld(TestIssuer issuer)
    {
        Issuer = issuer;
        World.InForce.Swap(World.InForce.Current with
        {
            Issuers = [new IssuerTerms(issuer.Address, "accessplane", "accessplane-reviews", ["RS256"], "groups", "kind", ActorKind.Workload, [])],
        });
        Gate = Of(World);
    }

    public BareAgent Agent { get; } = new();
    public AgentWorld World => Agent.World;
    public TestIssuer Issuer { get; }
    public Gate Gate { get; }

    /// <summary>By which a login waits for the control plane.</summary>
    public ManualClock Waiting { get; } = new(TimeProvider.System.GetUtcNow());

    public Actor Engineer => AgentWorld.Engineer with { Issuer = Issuer.Address };

    /// <summary>Who waits for the control plane's answer.</summary>
    public PendingLogins Pending { get; } = new();

    /// <summary>What the control plane was asked.</summary>
    public List<LoginAsk> Asked { get; } = [];

    /// <summary>What the control plane does when it is asked.</summary>
    public Action<LoginAsk> Answer { get; set; } = _ => { };

    /// <summary>What who logs in by token was told meanwhile.</summary>
    public List<string> Told { get; } = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<GateWorld> Open() => new(await TestIssuer.Start());

    /// <summary>The same way in, where something else is in force.</summary>
    public Gate Of(AgentWorld world)
    {
        var desk = new LoginDesk(world.InForce, Agent.Identity, Pending, Ask, Waiting);
        return new Gate(world.InForce, world.Live, Agent.Tickets, new TokenLogins(world.InForce, keys, Agent.Tickets, desk), Agent.Spool,
            new HoldDesk(world.InForce, (_, _, _) => Task.CompletedTask, (_, _) => { }), new MaskDesk(world.InForce, _ => { }, Agent.State),
            new CatalogDesk(_ => { }, world.Time));
    }

    public GrantLease Granted(string entitlement = "orders-read", TokenLogin? login = null)
    {
        var grant = AgentWorld.Grant(World.Time.Wall.AddHours(1)) with { Holder = Engineer, Entitlement = entitlement, TokenLogin = login ?? People };
        World.Apply(grant);
        return grant;
    }

    public async Task<Admission> ByTicket(string ticket, string database = "orders", string resource = "orders") =>
        await Gate.AdmitTicket(resource, ticket, database, Cancel);

    public async Task<Admission> ByToken(string? token = null, string name = "engineer") => await Gate.AdmitToken(
        "orders", name, token ?? Issuer.Token("engineer", World.Time.Wall), "orders", "127.0.0.1:9",
        new LoginWait(() => { }, line =>
        {
            Told.Add(line);
            return ValueTask.CompletedTask;
        }),
        Cancel);

    public static void Refused(string code, Admission admission, bool unproven = false)
    {
        var refused = Assert.IsType<Admission.Refused>(admission);
        Assert.Equal((code, unproven), (refused.Refusal.Code, refused.Unproven));
    }

    public async ValueTask DisposeAsync()
    {
        await Issuer.DisposeAsync();
        Agent.Dispose();
        keys.Dispose();
    }

    private void Ask(LoginAsk ask)
    {
        Asked.Add(ask);
        Answer(ask);
    }
}
