using System.Security.Cryptography;
using AccessPlane.Agent.Gate;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Integration.Http;
using AccessPlane.Tests.Integration.Wire;
using AccessPlane.Tests.Unit.Agent;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>The corpus of bad tokens at an agent, which checks signatures by itself.</summary>
public sealed class BadTokensAtTheGateTests : IAsyncLifetime
{
    private readonly AgentWorld world = new();
    private readonly StateFolder state = new();
    private TestIssuer issuer = null!;
    private TestIssuer other = null!;
    private BadTokens bad = null!;
    private Tickets tickets = null!;
    private TokenDoor door = null!;
    private int proven;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
    private DateTimeOffset Now => world.Time.Wall;

    public async ValueTask InitializeAsync()
    {
        (issuer, other) = (await TestIssuer.Start(), await TestIssuer.Start());
        bad = new BadTokens(issuer, other);
        tickets = Tickets.Open(state.Path);
        door = new TokenDoor(world.InForce, tickets, issuer.Address, world.Time, _ => { });
        Trusts(BadTokens.Terms(issuer), BadTokens.Terms(other));
        foreach (var of in (TestIssuer[])[issuer, other])
        {
            world.Apply(AgentWorld.Grant(Now.AddHours(8)) with
            {
                Holder = AgentWorld.Engineer with { Issuer = of.Address },
                TokenLogin = new TokenLogin([ActorKind.Person], Once: false),
            });
        }
    }

    public async ValueTask DisposeAsync()
    {
        door.Dispose();
        tickets.Dispose();
        bad.Dispose();
        await issuer.DisposeAsync();
        await other.DisposeAsync();
        state.Dispose();
    }

    private void Trusts(params IssuerTerms[] issuers) => world.InForce.Swap(world.InForce.Current with { Issuers = [.. issuers] });

    private async Task<TokenFinding> Show(string token) => await door.Logins.FindGrant(
        new TokenBearer("orders", "engineer", token, "orders", "127.0.0.1:9"), new LoginWait(() => proven++, _ => ValueTask.CompletedTask), Cancel);

    /// <summary>What the bearer is refused with; `in` where they are not.</summary>
    private async Task<string> Verdict(string token)
    {
        var finding = await Show(token);
        return finding.Refusal is null ? "in" : finding.Unproven ? finding.Refusal.Code : $"{finding.Refusal.Code}, as somebody who is known";
    }

    [Fact]
    public async Task None_of_the_bad_tokens_proves_anything_and_the_control_plane_hears_of_none()
    {
        Assert.Equal("in", await Verdict(issuer.Token("engineer", Now)));
        Assert.Equal("in", await Verdict(other.Token("engineer", Now)));
        proven = 0;
        var all = bad.All(Now);
        var verdicts = new List<string>();
        foreach (var token in all)
        {
            verdicts.Add($"{token.Kind}: {await Verdict(token.Token)}");
        }
        Assert.Equal(all.Select(t => $"{t.Kind}: {t.CodeAtTheGate}"), verdicts);
        Assert.Equal(0, proven);
        Assert.Empty(door.Asked);
        Assert.Equal("in", await Verdict(issuer.Token("engineer", Now)));
        FaultReport.Saw($"{all.Count} kinds of bad tokens at an agent: {all.Count} refused as strangers are, 0 reached the control plane");
    }

    [Fact]
    public async Task A_withdrawn_key_lets_nobody_in_within_the_hour_and_a_new_one_under_its_id_does_not_bring_it_back()
    {
        using var old = issuer.Rsa("k1");
        Assert.Equal("in", await Verdict(issuer.Token("engineer", Now)));
        issuer.Withdraw("k1");
        issuer.Publish("k2", RSA.Create(2048));
        world.Time.Advance(KeyRing<object>.RefreshAfter);
        Assert.Equal("token-signature", await Verdict(issuer.Sign(issuer.Claims("engineer", Now), key: old)));
        Assert.Equal("in", await Verdict(issuer.Sign(issuer.Claims("engineer", Now), "k2")));
        issuer.Publish("k1", RSA.Create(2048));
        world.Time.Advance(KeyRing<object>.RefreshAfter);
        Assert.Equal("in", await Verdict(issuer.Token("engineer", Now)));
        Assert.Equal("token-signature", await Verdict(issuer.Sign(issuer.Claims("engineer", Now), key: old)));
        Assert.Empty(door.Asked);
    }

    [Fact]
    public async Task Broken_keys_among_an_issuers_keep_nobody_out_who_has_a_good_one_and_let_nobody_in()
    {
        await using var set = await BrokenKeySet.Start(issuer);
        Trusts(BadTokens.Terms(issuer) with { MetadataAddress = set.Address });
        Assert.Equal("in", await Verdict(bad.WithoutKeyId(Now)));
        Assert.Equal("in", await Verdict(issuer.Token("engineer", Now)));
        foreach (var id in set.KeyIds)
        {
            foreach (var token in bad.Naming(id, Now))
            {
                Assert.Equal($"{id}: token-signature", $"{id}: {await Verdict(token)}");
            }
        }
        Assert.Empty(door.Asked);
        FaultReport.Saw($"{set.KeyIds.Count} broken keys in an issuer's set: its good one let in, none of the broken ones did");
    }
}
