using System.Security.Cryptography;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Agents;
using Xunit;
using AgentState = AccessPlane.ControlPlane.Agents.Agent;

namespace AccessPlane.Tests.Unit.Agent;

public sealed class AgentLifeTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    private static readonly Actor Admin = Actor.System("admin");
    private static readonly string Key = MakeKey(ECCurve.NamedCurves.nistP256);
    private static readonly AgentInvited Invited = new("a", ["orders"], InviteAgent.HashOf("secret"), Now.AddHours(1), Admin);
    private static readonly AgentEnrolled Enrolled = new("a", ["orders"], Key, [new AgentEndpoint("orders", "127.0.0.1", 6432)]);

    private static string MakeKey(ECCurve curve)
    {
        using var key = ECDsa.Create(curve);
        return Convert.ToBase64String(key.ExportSubjectPublicKeyInfo());
    }

    private static AgentState Given(params IEvent[] events) => events.Aggregate(AgentState.Initial, AgentState.Evolve);

    private static EnrolmentOrder Order(string token = "secret", string? key = null, string resource = "orders", DateTimeOffset? now = null) =>
        new("a", new EnrolmentAsk(token, key ?? Key, [new AgentEndpoint(resource, "127.0.0.1", 6432)]), now ?? Now);

    private static void Refused(string code, Outcome outcome) => Assert.Equal(code, Assert.IsType<Outcome.Refused>(outcome).Refusal.Code);

    private static IEvent Happened(Outcome outcome) => Assert.Single(Assert.IsType<Outcome.Happened>(outcome).Events);

    [Fact]
    public void An_invited_agent_enrols_with_its_token() => Assert.Equivalent(Enrolled, Happened(EnrolAgent.Decide(Given(Invited), Order())));

    [Fact]
    public void A_token_counts_once() => Refused("enrolment-refused", EnrolAgent.Decide(Given(Invited, Enrolled), Order()));

    [Fact]
    public void A_wrong_an_expired_and_no_invitation_get_the_same_answer()
    {
        var answers = new[]
        {
            EnrolAgent.Decide(Given(Invited), Order(token: "guess")),
            EnrolAgent.Decide(Given(Invited), Order(now: Invited.ExpiresAt)),
            EnrolAgent.Decide(Given(), Order()),
            EnrolAgent.Decide(Given(Invited, new AgentRetired("a", Admin, "")), Order()),
        };
        Assert.Single(answers.Select(a => Assert.IsType<Outcome.Refused>(a).Refusal).Distinct());
    }

    [Theory]
    [InlineData("")]
    [InlineData("AAAA")]
    [InlineData("not base64")]
    [InlineData("p384")]
    public void A_key_of_another_kind_is_refused(string key) =>
        Refused("invalid", EnrolAgent.Decide(Given(Invited), Order(key: key == "p384" ? MakeKey(ECCurve.NamedCurves.nistP384) : key)));

    [Fact]
    public void An_agent_serves_only_what_it_was_invited_for() => Refused("invalid", EnrolAgent.Decide(Given(Invited), Order(resource: "payroll")));

    [Theory]
    [InlineData("db.example", 6432, true)]
    [InlineData("10.0.0.7", 1, true)]
    [InlineData("::1", 65535, true)]
    [InlineData("", 6432, false)]
    [InlineData("db.example@elsewhere.example", 6432, false)]
    [InlineData("db.example/x", 6432, false)]
    [InlineData("db.example:1", 6432, false)]
    [InlineData("db\u202eexample", 6432, false)]
    [InlineData("db example", 6432, false)]
    [InlineData("db.example", 0, false)]
    [InlineData("db.example", 65536, false)]
    public void Where_clients_are_sent_is_a_host_and_a_port(string host, int port, bool taken)
    {
        var order = Order() with { Ask = Order().Ask with { Endpoints = [new AgentEndpoint("orders", host, port)] } };
        Assert.Equal(taken, EnrolAgent.Decide(Given(Invited), order) is Outcome.Happened);
    }

    [Fact]
    public void An_endpoint_that_is_null_is_refused() =>
        Refused("invalid", EnrolAgent.Decide(Given(Invited), Order() with { Ask = Order().Ask with { Endpoints = [null!] } }));

    [Fact]
    public void Only_admins_invite_and_only_under_names_that_queues_and_files_can_bear()
    {
        var good = new Invitation("a", ["orders"], "", Now, Admin, IsAdmin: true);
        Assert.IsType<AgentInvited>(Happened(InviteAgent.Decide(Given(), good)));
        Refused("admins-only", InviteAgent.Decide(Given(), good with { IsAdmin = false }));
        Refused("invalid", InviteAgent.Decide(Given(), good with { Agent = "../a" }));
        Refused("invalid", InviteAgent.Decide(Given(), good with { Resources = [] }));
        Refused("agent-exists", InviteAgent.Decide(Given(Invited, Enrolled), good));
        Assert.IsType<AgentInvited>(Happened(InviteAgent.Decide(Given(Invited), good)));
        Assert.IsType<AgentInvited>(Happened(InviteAgent.Decide(Given(Invited, Enrolled, new AgentRetired("a", Admin, "")), good)));
    }

    [Fact]
    public void An_agent_that_is_not_heard_of_is_silent_until_it_returns()
    {
        var on = Given(Invited, Enrolled);
        Assert.Empty(((Outcome.Happened)AgentWatch.Decide(on, new Watch("a", Now, TimeSpan.FromSeconds(10), Now.AddSeconds(9)))).Events);
        var silent = Happened(AgentWatch.Decide(on, new Watch("a", Now, TimeSpan.FromSeconds(10), Now.AddSeconds(10))));
        Assert.Equal(new AgentSilent("a", Now), silent);
        var still = AgentState.Evolve(on, silent);
        Assert.Empty(((Outcome.Happened)AgentWatch.Decide(still, new Watch("a", Now, TimeSpan.FromSeconds(10), Now.AddSeconds(60)))).Events);
        Assert.Equal(
            new AgentReturned("a", Now), Happened(AgentWatch.Decide(still, new Watch("a", Now.AddSeconds(60), TimeSpan.FromSeconds(10), Now.AddSeconds(60)))));
    }
}
