using System.Security.Cryptography;
using AccessPlane.Agent.Gate;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Unit.Agent;
using Xunit;
using static AccessPlane.Tests.Integration.Agents.GateWorld;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>Who comes with an issuer's token: what it proves, and what the control plane is asked for whom.</summary>
public sealed class TokensAtTheGateTests : IAsyncLifetime
{
    private GateWorld gate = null!;

    public async ValueTask InitializeAsync() => gate = await GateWorld.Open();

    public ValueTask DisposeAsync() => gate.DisposeAsync();

    [Fact]
    public async Task A_token_admits_the_holder_of_the_one_grant_it_fits()
    {
        var grant = gate.Granted();
        var admitted = Assert.IsType<Admission.Admitted>(await gate.ByToken());
        Assert.Equal((grant.Grant, "token"), (admitted.Permit.Grant.Grant, admitted.Permit.Login));
        Assert.Empty(gate.Asked);
    }

    [Fact]
    public async Task A_token_through_an_agent_is_not_the_persons_own()
    {
        gate.Granted();
        var claims = gate.Issuer.Claims("engineer", gate.World.Time.Wall);
        claims["act"] = new Dictionary<string, object> { ["sub"] = "assistant", ["kind"] = "ai-agent" };
        gate.Answer = ask => gate.Pending.Answered(new LoginAnswer(ask.Ask, "refused", null, null, "not for assistants", null));
        Refused("login-refused", await gate.ByToken(gate.Issuer.Sign(claims)));
    }

    [Fact]
    public async Task Where_several_grants_fit_the_user_name_chooses()
    {
        var (read, write) = (gate.Granted(), gate.Granted("orders-write"));
        var refused = Assert.IsType<Admission.Refused>(await gate.ByToken());
        Assert.Contains("`orders-read`", refused.Refusal.Detail, StringComparison.Ordinal);
        Assert.Contains("`orders-write`", refused.Refusal.Detail, StringComparison.Ordinal);
        Assert.Equal(write.Grant, Assert.IsType<Admission.Admitted>(await gate.ByToken(name: write.Grant.ToString())).Permit.Grant.Grant);
        gate.World.InForce.Swap(gate.World.InForce.Current with
        {
            Policy = new PublishedPolicy(2, "", new PolicyModel(
            [AgentWorld.Orders], [Entitled("orders-read"), Entitled("orders-write")], PeopleDirectory.Empty))
        });
        Assert.Equal(read.Grant, Assert.IsType<Admission.Admitted>(await gate.ByToken(name: "orders-read")).Permit.Grant.Grant);
    }

    [Fact]
    public async Task Tokens_that_prove_nothing_get_no_further()
    {
        gate.Granted();
        using var stranger = RSA.Create(2048);
        var good = gate.Issuer.Claims("engineer", gate.World.Time.Wall);
        Refused("token-malformed", await gate.ByToken("hunter2"), unproven: true);
        Refused("token-signature", await gate.ByToken(gate.Issuer.Sign(good, key: stranger)), unproven: true);
        Refused("token-audience", await gate.ByToken(gate.Issuer.Sign(new(good) { ["aud"] = "accessplane-reviews" })), unproven: true);
        Refused("token-issuer", await gate.ByToken(gate.Issuer.Sign(new(good) { ["iss"] = "https://elsewhere" })), unproven: true);
        Refused("token-expired", await gate.ByToken(gate.Issuer.Token("engineer", gate.World.Time.Wall.AddHours(-1))), unproven: true);
        Refused("token-life", await gate.ByToken(gate.Issuer.Sign(new(good) { ["exp"] = gate.World.Time.Wall.ToUnixTimeSeconds() + 901 })));
    }

    [Fact]
    public async Task Setting_the_hosts_clock_back_does_not_make_an_expired_token_good()
    {
        gate.Granted();
        var token = gate.Issuer.Token("engineer", gate.World.Time.Wall);
        gate.World.Time.Advance(TimeSpan.FromMinutes(7));
        gate.World.Time.Wall -= TimeSpan.FromMinutes(7);
        gate.World.InForce.RenewLease(gate.World.Time.GetTimestamp());
        Refused("token-expired", await gate.ByToken(token), unproven: true);
    }

    [Fact]
    public async Task Under_once_a_token_counts_once_and_one_without_an_id_not_at_all()
    {
        gate.Granted(login: People with { Once = true });
        var token = gate.Issuer.Token("engineer", gate.World.Time.Wall);
        Assert.IsType<Admission.Admitted>(await gate.ByToken(token));
        Refused("token-used", await gate.ByToken(token));
        Assert.IsType<Admission.Admitted>(await gate.ByToken());
        var nameless = gate.Issuer.Claims("engineer", gate.World.Time.Wall);
        nameless.Remove("jti");
        Refused("token-used", await gate.ByToken(gate.Issuer.Sign(nameless)));
    }

    [Fact]
    public async Task Under_an_entitlement_without_token_logins_a_ticket_is_needed()
    {
        gate.Granted(login: TokenLogin.WorkloadsOnly);
        Refused("token-login-not-allowed", await gate.ByToken());
    }

    [Fact]
    public async Task Without_a_grant_the_control_plane_is_asked_with_the_token_sealed_for_it()
    {
        var token = gate.Issuer.Token("engineer", gate.World.Time.Wall);
        gate.Answer = ask =>
        {
            var grant = gate.Granted();
            gate.Pending.Answered(new LoginAnswer(ask.Ask, "granted", grant.Grant, grant.Request, "", null));
        };
        Assert.IsType<Admission.Admitted>(await gate.ByToken(token));
        var asking = Assert.Single(gate.Asked);
        Assert.DoesNotContain(token, asking.Token, StringComparison.Ordinal);
        Assert.Equal(token, Sealed.Open(gate.Agent.Keys.Encryption, asking.Token, LoginDesk.ContextOf("a", asking.Ask)));
        Assert.Null(Sealed.Open(gate.Agent.Keys.Encryption, asking.Token, LoginDesk.ContextOf("b", asking.Ask)));
    }

    [Fact]
    public async Task An_ask_that_was_lost_on_the_way_is_sent_again()
    {
        gate.Answer = ask =>
        {
            if (gate.Asked.Count > 1)
            {
                var grant = gate.Granted();
                gate.Pending.Answered(new LoginAnswer(ask.Ask, "granted", grant.Grant, grant.Request, "", null));
            }
        };
        var login = gate.ByToken();
        await Wire.WireAgent.Until(() => Task.FromResult(gate.Waiting.TimersSet == 1));
        gate.Waiting.Advance(TimeSpan.FromSeconds(4));
        Assert.IsType<Admission.Admitted>(await login);
        Assert.Equal(2, gate.Asked.Count);
        Assert.Single(gate.Asked.Distinct()); // the same one: it leads to the same request
    }

    [Fact]
    public async Task Whoever_is_refused_again_and_again_is_no_more_work_for_the_control_plane_for_a_while()
    {
        gate.Answer = ask => gate.Pending.Answered(new LoginAnswer(ask.Ask, "refused", null, null, "not you", null));
        for (var i = 0; i < TokenLogins.MostRefusedAsks; i++)
        {
            Refused("login-refused", await gate.ByToken());
        }
        Refused("too-many-logins", await gate.ByToken());
        Assert.Equal(TokenLogins.MostRefusedAsks, gate.Asked.Count);
        Refused("login-refused", await gate.ByToken(gate.Issuer.Token("somebody-else", gate.World.Time.Wall)));
        gate.World.Time.Advance(TimeSpan.FromSeconds(6));
        Refused("login-refused", await gate.ByToken());
        Refused("too-many-logins", await gate.ByToken());
        gate.Granted();
        Assert.IsType<Admission.Admitted>(await gate.ByToken()); // who has a grant asks nobody
    }

    [Fact]
    public async Task A_client_waits_for_its_approval_and_is_told_where_it_can_be_given()
    {
        var request = Guid.CreateVersion7();
        gate.Answer = ask => gate.Pending.Answered(new LoginAnswer(ask.Ask, "pending", null, request, "request waits for approval", "http://cp/v1/requests/1"));
        var login = gate.ByToken();
        while (gate.Told.Count == 0)
        {
            await Task.Yield();
        }
        Assert.Equal(["request waits for approval: http://cp/v1/requests/1"], gate.Told);
        Assert.False(login.IsCompleted);
        gate.World.Apply(AgentWorld.Grant(gate.World.Time.Wall.AddHours(1)) with { Holder = gate.Engineer, Request = request, TokenLogin = People });
        Assert.IsType<Admission.Admitted>(await login);
    }

    [Fact]
    public async Task A_client_hears_that_its_request_was_denied_even_if_that_came_first()
    {
        var request = Guid.CreateVersion7();
        gate.Answer = ask =>
        {
            gate.Pending.Closed(new RequestClosure(request, "Denied", "the request was denied by dba"));
            gate.Pending.Answered(new LoginAnswer(ask.Ask, "pending", null, request, "request waits for approval", null));
        };
        var refused = Assert.IsType<Admission.Refused>(await gate.ByToken());
        Assert.Equal("the request was denied by dba", refused.Refusal.Detail);
    }

    private static Entitlement Entitled(string id) => new(
        id, "orders", Who.Nobody, Scope.Any, TimeSpan.FromHours(1), TimeSpan.FromHours(1), TimeSpan.FromHours(1), new ReasonRule(false, null), null, 1, People, null);
}
