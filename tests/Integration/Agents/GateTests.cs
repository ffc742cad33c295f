using System.Security.Cryptography;
using AccessPlane.Agent.Directives;
using AccessPlane.Agent.Gate;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Integration.Http;
using AccessPlane.Tests.Unit.Agent;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>The one way in: tickets and tokens, against a real issuer and real files.</summary>
public sealed class GateTests : IAsyncLifetime
{
    private static readonly TokenLogin People = new([ActorKind.Person], Once: false);
    private readonly AgentWorld world = new();
    private readonly StateFolder state = new();
    private readonly PendingLogins pending = new();
    private readonly List<LoginAsk> asked = [];
    private readonly List<string> told = [];
    private readonly ECDsa signing = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDiffieHellman encryption = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
    private readonly IssuerKeys keys = new();
    private TestIssuer issuer = null!;
    private AgentIdentity identity = null!;
    private Tickets tickets = null!;
    private Spool spool = null!;
    private Gate gate = null!;
    private long available = 1L << 40;
    private Action<LoginAsk> answer = _ => { };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        issuer = await TestIssuer.Start();
        world.InForce.Swap(world.InForce.Current with
        {
            Issuers = [new IssuerTerms(issuer.Address, "accessplane", "accessplane-reviews", ["RS256"], "groups", "kind", ActorKind.Workload, [])],
        });
        identity = new AgentIdentity(
            new Enrolment("a", "", "", "", Convert.ToBase64String(signing.ExportSubjectPublicKeyInfo()),
                Convert.ToBase64String(encryption.ExportSubjectPublicKeyInfo()), 1),
            ECDsa.Create(ECCurve.NamedCurves.nistP256));
        tickets = Tickets.Open(state.Path);
        spool = new Spool(state.Path, SpoolLimits.Standard, ControlPlaneKey.Wrap, world.Time, () => available);
        var desk = new LoginDesk(world.InForce, identity, pending, ask =>
        {
            asked.Add(ask);
            answer(ask);
        }, world.Time);
        gate = GateOf(world, desk);
    }

    private Gate GateOf(AgentWorld of, LoginDesk desk) => new(of.InForce, of.Live, tickets, new TokenLogins(of.InForce, keys, tickets, desk), spool,
        new HoldDesk(of.InForce, (_, _, _) => Task.CompletedTask, (_, _) => { }), new MaskDesk(of.InForce, _ => { }, state.Path),
        new CatalogDesk(_ => { }, of.Time));

    public async ValueTask DisposeAsync()
    {
        await issuer.DisposeAsync();
        identity.Dispose();
        tickets.Dispose();
        spool.Dispose();
        keys.Dispose();
        signing.Dispose();
        encryption.Dispose();
        state.Dispose();
    }

    private Actor Engineer => AgentWorld.Engineer with { Issuer = issuer.Address };

    private GrantLease Granted(string entitlement = "orders-read", TokenLogin? login = null)
    {
        var grant = AgentWorld.Grant(world.Time.Wall.AddHours(1)) with { Holder = Engineer, Entitlement = entitlement, TokenLogin = login ?? People };
        world.Apply(grant);
        return grant;
    }

    private TicketOffer Ticketed(GrantLease grant, int connections = 1)
    {
        var offer = new TicketOffer($"t_{Guid.CreateVersion7():N}", grant.Grant, "SCRAM-SHA-256$…", connections, world.Time.Wall.AddSeconds(60), "orders");
        world.Apply(offer);
        return offer;
    }

    private async Task<Admission> ByTicket(string ticket, string database = "orders", string resource = "orders") =>
        await gate.AdmitTicket(resource, ticket, database, Cancel);

    private async Task<Admission> ByToken(string? token = null, string name = "engineer") => await gate.AdmitToken(
        "orders", name, token ?? issuer.Token("engineer", world.Time.Wall), "orders", "127.0.0.1:9",
        new LoginWait(() => { }, line =>
        {
            told.Add(line);
            return ValueTask.CompletedTask;
        }),
        Cancel);

    private static void Refused(string code, Admission admission, bool unproven = false)
    {
        var refused = Assert.IsType<Admission.Refused>(admission);
        Assert.Equal((code, unproven), (refused.Refusal.Code, refused.Unproven));
    }

    [Fact]
    public async Task A_ticket_admits_its_number_of_connections_and_names_itself_in_the_permit()
    {
        var offer = Ticketed(Granted(), connections: 2);
        var admitted = Assert.IsType<Admission.Admitted>(await ByTicket(offer.Ticket));
        Assert.Equal($"ticket {offer.Ticket}", admitted.Permit.Login);
        Assert.IsType<Admission.Admitted>(await ByTicket(offer.Ticket));
        Refused("ticket-unknown", await ByTicket(offer.Ticket), unproven: true);
        Assert.Null(gate.FindTicket("orders", offer.Ticket));
    }

    [Fact]
    public async Task A_ticket_is_worth_nothing_elsewhere()
    {
        var offer = Ticketed(Granted());
        Refused("ticket-unknown", await ByTicket("t_other"), unproven: true);
        Refused("ticket-unknown", await ByTicket(offer.Ticket, resource: "payroll"), unproven: true);
        Refused("database-outside-ticket", await ByTicket(offer.Ticket, database: "hr"));
        Assert.IsType<Admission.Admitted>(await ByTicket(offer.Ticket));
    }

    [Fact]
    public async Task A_refusal_that_the_holder_did_not_cause_does_not_use_the_ticket_up()
    {
        var offer = Ticketed(Granted(), 1);
        var order = new LockOrder(Guid.CreateVersion7(), new LockTarget(Actor: Engineer.Key), "incident", null);
        world.Apply(order);
        Refused("grant-locked", await ByTicket(offer.Ticket));
        world.Apply(new LockLift(order.Lock));
        world.Time.Advance(TimeSpan.FromSeconds(11));
        Refused("agent-cut-off", await ByTicket(offer.Ticket));
        world.InForce.RenewLease(world.Time.GetTimestamp());
        available = 0;
        using (spool.Begin(Guid.CreateVersion7(), n => SpoolTests.Start(Guid.Empty, n), Evidence.Buffered, _ => { }))
        {
            spool.Tick();
            Refused("evidence-full", await ByTicket(offer.Ticket));
        }
        available = 1L << 40;
        spool.Tick();
        Assert.IsType<Admission.Admitted>(await ByTicket(offer.Ticket));
    }

    [Fact]
    public async Task A_login_before_the_first_lease_is_told_to_try_again_and_not_that_its_ticket_is_wrong()
    {
        var early = new AgentWorld(leased: false);
        var grant = AgentWorld.Grant(early.Time.Wall.AddHours(1)) with { Holder = Engineer };
        var offer = new TicketOffer($"t_{Guid.CreateVersion7():N}", grant.Grant, "SCRAM-SHA-256$…", 1, early.Time.Wall.AddSeconds(60), "orders");
        early.Apply(grant);
        early.Apply(offer);
        var first = GateOf(early, new LoginDesk(early.InForce, identity, pending, asked.Add, early.Time));
        Assert.Equal(offer, first.FindTicket("orders", offer.Ticket));
        Refused("agent-cut-off", await first.AdmitTicket("orders", offer.Ticket, "orders", Cancel));
        early.InForce.Time.Sample(early.Time.GetTimestamp(), early.Time.GetTimestamp(), early.Time.Wall);
        early.InForce.RenewLease(early.Time.GetTimestamp());
        Assert.IsType<Admission.Admitted>(await first.AdmitTicket("orders", offer.Ticket, "orders", Cancel));
    }

    [Fact]
    public async Task A_token_admits_the_holder_of_the_one_grant_it_fits()
    {
        var grant = Granted();
        var admitted = Assert.IsType<Admission.Admitted>(await ByToken());
        Assert.Equal((grant.Grant, "token"), (admitted.Permit.Grant.Grant, admitted.Permit.Login));
        Assert.Empty(asked);
    }

    [Fact]
    public async Task A_token_through_an_agent_is_not_the_persons_own()
    {
        Granted();
        var claims = issuer.Claims("engineer", world.Time.Wall);
        claims["act"] = new Dictionary<string, object> { ["sub"] = "assistant", ["kind"] = "ai-agent" };
        answer = ask => pending.Answered(new LoginAnswer(ask.Ask, "refused", null, null, "not for assistants", null));
        Refused("login-refused", await ByToken(issuer.Sign(claims)));
    }

    [Fact]
    public async Task Where_several_grants_fit_the_user_name_chooses()
    {
        var (read, write) = (Granted(), Granted("orders-write"));
        var refused = Assert.IsType<Admission.Refused>(await ByToken());
        Assert.Contains("`orders-read`", refused.Refusal.Detail, StringComparison.Ordinal);
        Assert.Contains("`orders-write`", refused.Refusal.Detail, StringComparison.Ordinal);
        Assert.Equal(write.Grant, Assert.IsType<Admission.Admitted>(await ByToken(name: write.Grant.ToString())).Permit.Grant.Grant);
        world.InForce.Swap(world.InForce.Current with
        {
            Policy = new PublishedPolicy(2, "", new PolicyModel(
            [AgentWorld.Orders], [Entitled("orders-read"), Entitled("orders-write")], PeopleDirectory.Empty))
        });
        Assert.Equal(read.Grant, Assert.IsType<Admission.Admitted>(await ByToken(name: "orders-read")).Permit.Grant.Grant);
    }

    [Fact]
    public async Task Tokens_that_prove_nothing_get_no_further()
    {
        Granted();
        using var stranger = RSA.Create(2048);
        var good = issuer.Claims("engineer", world.Time.Wall);
        Refused("token-malformed", await ByToken("hunter2"), unproven: true);
        Refused("token-signature", await ByToken(issuer.Sign(good, key: stranger)), unproven: true);
        Refused("token-audience", await ByToken(issuer.Sign(new(good) { ["aud"] = "accessplane-reviews" })), unproven: true);
        Refused("token-issuer", await ByToken(issuer.Sign(new(good) { ["iss"] = "https://elsewhere" })), unproven: true);
        Refused("token-expired", await ByToken(issuer.Token("engineer", world.Time.Wall.AddHours(-1))), unproven: true);
        Refused("token-life", await ByToken(issuer.Sign(new(good) { ["exp"] = world.Time.Wall.ToUnixTimeSeconds() + 901 })));
    }

    [Fact]
    public async Task Setting_the_hosts_clock_back_does_not_make_an_expired_token_good()
    {
        Granted();
        var token = issuer.Token("engineer", world.Time.Wall);
        world.Time.Advance(TimeSpan.FromMinutes(7));
        world.Time.Wall -= TimeSpan.FromMinutes(7);
        world.InForce.RenewLease(world.Time.GetTimestamp());
        Refused("token-expired", await ByToken(token), unproven: true);
    }

    [Fact]
    public async Task Under_once_a_token_counts_once_and_one_without_an_id_not_at_all()
    {
        Granted(login: People with { Once = true });
        var token = issuer.Token("engineer", world.Time.Wall);
        Assert.IsType<Admission.Admitted>(await ByToken(token));
        Refused("token-used", await ByToken(token));
        Assert.IsType<Admission.Admitted>(await ByToken());
        var nameless = issuer.Claims("engineer", world.Time.Wall);
        nameless.Remove("jti");
        Refused("token-used", await ByToken(issuer.Sign(nameless)));
    }

    [Fact]
    public async Task Under_an_entitlement_without_token_logins_a_ticket_is_needed()
    {
        Granted(login: TokenLogin.WorkloadsOnly);
        Refused("token-login-not-allowed", await ByToken());
    }

    [Fact]
    public async Task Without_a_grant_the_control_plane_is_asked_with_the_token_sealed_for_it()
    {
        var token = issuer.Token("engineer", world.Time.Wall);
        answer = ask =>
        {
            var grant = Granted();
            pending.Answered(new LoginAnswer(ask.Ask, "granted", grant.Grant, grant.Request, "", null));
        };
        Assert.IsType<Admission.Admitted>(await ByToken(token));
        var asking = Assert.Single(asked);
        Assert.DoesNotContain(token, asking.Token, StringComparison.Ordinal);
        Assert.Equal(token, Sealed.Open(encryption, asking.Token, LoginDesk.ContextOf("a", asking.Ask)));
        Assert.Null(Sealed.Open(encryption, asking.Token, LoginDesk.ContextOf("b", asking.Ask)));
    }

    [Fact]
    public async Task An_ask_that_was_lost_on_the_way_is_sent_again()
    {
        answer = ask =>
        {
            if (asked.Count > 1)
            {
                var grant = Granted();
                pending.Answered(new LoginAnswer(ask.Ask, "granted", grant.Grant, grant.Request, "", null));
            }
        };
        Assert.IsType<Admission.Admitted>(await ByToken());
        Assert.Single(asked.Distinct()); // the same one: it leads to the same request
    }

    [Fact]
    public async Task Whoever_is_refused_again_and_again_is_no_more_work_for_the_control_plane_for_a_while()
    {
        answer = ask => pending.Answered(new LoginAnswer(ask.Ask, "refused", null, null, "not you", null));
        for (var i = 0; i < TokenLogins.MostRefusedAsks; i++)
        {
            Refused("login-refused", await ByToken());
        }
        Refused("too-many-logins", await ByToken());
        Assert.Equal(TokenLogins.MostRefusedAsks, asked.Count);
        Refused("login-refused", await ByToken(issuer.Token("somebody-else", world.Time.Wall)));
        world.Time.Advance(TimeSpan.FromSeconds(6));
        Refused("login-refused", await ByToken());
        Refused("too-many-logins", await ByToken());
        Granted();
        Assert.IsType<Admission.Admitted>(await ByToken()); // who has a grant asks nobody
    }

    [Fact]
    public async Task A_client_waits_for_its_approval_and_is_told_where_it_can_be_given()
    {
        var request = Guid.CreateVersion7();
        answer = ask => pending.Answered(new LoginAnswer(ask.Ask, "pending", null, request, "request waits for approval", "http://cp/v1/requests/1"));
        var login = ByToken();
        while (told.Count == 0)
        {
            await Task.Yield();
        }
        Assert.Equal(["request waits for approval: http://cp/v1/requests/1"], told);
        Assert.False(login.IsCompleted);
        world.Apply(AgentWorld.Grant(world.Time.Wall.AddHours(1)) with { Holder = Engineer, Request = request, TokenLogin = People });
        Assert.IsType<Admission.Admitted>(await login);
    }

    [Fact]
    public async Task A_client_hears_that_its_request_was_denied_even_if_that_came_first()
    {
        var request = Guid.CreateVersion7();
        answer = ask =>
        {
            pending.Closed(new RequestClosure(request, "Denied", "the request was denied by dba"));
            pending.Answered(new LoginAnswer(ask.Ask, "pending", null, request, "request waits for approval", null));
        };
        var refused = Assert.IsType<Admission.Refused>(await ByToken());
        Assert.Equal("the request was denied by dba", refused.Refusal.Detail);
    }

    private static Entitlement Entitled(string id) => new(
        id, "orders", Who.Nobody, Scope.Any, TimeSpan.FromHours(1), TimeSpan.FromHours(1), TimeSpan.FromHours(1), new ReasonRule(false, null), null, 1, People, null);
}
