using AccessPlane.Agent.Directives;
using AccessPlane.Agent.Gate;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Tests.Unit.Agent;

/// <summary>What is in force at an agent called `a` beside the resource `orders`, without any process around it.</summary>
internal sealed class AgentWorld
{
    public static readonly ResourceTerms Orders = new("orders", "postgresql", TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(5), Evidence.Buffered);
    public static readonly Actor Engineer = new("https://idp", "engineer", "engineer", ActorKind.Person, ["engineering"], new Dictionary<string, string>(), []);

    /// <param name="leased">Whether the control plane has answered already.</param>
    public AgentWorld(bool leased = true)
    {
        InForce = new InForce("a", Time);
        Live = new LiveSessions(InForce);
        if (leased)
        {
            InForce.Time.Sample(Time.GetTimestamp(), Time.GetTimestamp(), Time.Wall);
            InForce.RenewLease(Time.GetTimestamp());
        }
        InForce.Swap(Snapshot.Empty with { Epoch = 1, Policy = new PublishedPolicy(1, "", new PolicyModel([Orders], [], PeopleDirectory.Empty)) });
    }

    public ManualTime Time { get; } = new();
    public InForce InForce { get; }
    public LiveSessions Live { get; }

    public static GrantLease Grant(DateTimeOffset notAfter, params string[] statements) => new(
        Guid.CreateVersion7(), Guid.CreateVersion7(), Engineer, "orders-read", "orders", new Scope(["orders"], statements), notAfter, 5, TokenLogin.WorkloadsOnly, 1);

    public GrantLease Granted(TimeSpan duration, params string[] statements)
    {
        var grant = Grant(Time.Wall + duration, statements);
        Apply(grant);
        return grant;
    }

    public void Apply(object body) => InForce.Swap(InForce.Current.Apply(body) with { Position = InForce.Current.Position + 1 });

    public Permit Admit(GrantLease grant) => Live.Admit(Guid.CreateVersion7(), grant, InForce.Current.Policy.Model.Resource("orders") ?? Orders, "orders", "token")!;
}
