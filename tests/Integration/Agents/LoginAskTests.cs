using System.Net.Http.Json;
using System.Security.Cryptography;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Keys;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>What the control plane makes of an agent's word that somebody stands at its door with a token: it believes the token, and the agent only as to where.</summary>
public sealed class LoginAskTests(LoginAskTests.Plane plane) : IClassFixture<LoginAskTests.Plane>
{
    private const string Policy = """
        resources:
          - { id: orders, kind: postgresql }
          - { id: payroll, kind: postgresql }
        entitlements:
          - id: deploy
            resource: orders
            who: { groups: [engineering] }
            scope: { databases: [orders] }
            max-duration: 1h
            approval: { steps: [ { from: { groups: [dba] }, count: 1 } ], expires: 1h }
            token-login: { kinds: [person] }
          - id: pay
            resource: payroll
            who: { groups: [engineering] }
            scope: { databases: [payroll] }
            max-duration: 1h
            approval: { auto: true }
            token-login: { kinds: [person] }
        """;

    private readonly string who = $"engineer-{Guid.CreateVersion7():N}";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    public sealed class Plane : IAsyncLifetime
    {
        internal ControlPlaneHost Host { get; private set; } = null!;
        internal EnrolledAgent Agent { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Host = await ControlPlaneHost.Start();
            await Host.Publish(Policy);
            Agent = await EnrolledAgent.Enrol(Host, $"orders-{Guid.CreateVersion7():N}"[..30], "orders");
        }

        public async ValueTask DisposeAsync()
        {
            await Agent.DisposeAsync();
            await Host.DisposeAsync();
        }
    }

    private string Token() => plane.Host.Issuer.Token(who, Now, "engineering");

    /// <param name="sealedFor">The ask that the token is bound to; the one that is sent, if it is not another's.</param>
    private async Task<LoginAnswer> Ask(string token, string resource = "orders", string name = "deploy", Guid? sealedFor = null, string? sealedBy = null)
    {
        var ask = Guid.CreateVersion7();
        using var reader = ECDiffieHellman.Create();
        reader.ImportSubjectPublicKeyInfo(Convert.FromBase64String(plane.Host.Services.GetRequiredService<SigningKeys>().EncryptionPublicKey), out _);
        var context = AccessPlane.Agent.Gate.LoginDesk.ContextOf(sealedBy ?? plane.Agent.Id, sealedFor ?? ask);
        await plane.Agent.Send(ReportKinds.LoginAsk, new LoginAsk(ask, resource, name, "127.0.0.1:9", Sealed.Seal(reader, token, context)));
        var answer = plane.Agent.Next<LoginAnswer>(DirectiveKinds.LoginAnswer);
        Assert.Equal(ask, answer.Ask);
        return answer;
    }

    private async Task IsRefused(string why, Task<LoginAnswer> asking)
    {
        var answer = await asking;
        Assert.Equal(("refused", null, null), (answer.State, answer.Grant, answer.Request));
        Assert.Contains(why, answer.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain(who, (await plane.Host.Get("/v1/requests?limit=100")).GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_agent_asks_for_its_own_resources_only() =>
        await IsRefused("the agent does not serve `payroll`", Ask(Token(), resource: "payroll", name: "pay"));

    [Fact]
    public async Task A_token_that_was_sealed_for_another_login_or_by_another_agent_is_not_read()
    {
        await IsRefused("the token did not arrive whole", Ask(Token(), sealedFor: Guid.CreateVersion7()));
        await IsRefused("the token did not arrive whole", Ask(Token(), sealedBy: "another-agent"));
    }

    [Fact]
    public async Task A_token_is_validated_again_whatever_the_agent_made_of_it()
    {
        using var stranger = RSA.Create(2048);
        var claims = plane.Host.Issuer.Claims(who, Now, "engineering");
        foreach (var bad in new[]
        {
            "hunter2", plane.Host.Issuer.Sign(claims, key: stranger), plane.Host.Issuer.Token(who, Now.AddHours(-1), "engineering"),
            plane.Host.Issuer.ReviewToken(who, Now, "engineering"), plane.Host.Issuer.Sign(new(claims) { ["iss"] = "https://elsewhere" }),
        })
        {
            await IsRefused("", Ask(bad));
        }
        await IsRefused("may not ask for anything on `orders`", Ask(plane.Host.Issuer.Token(who, Now)));
    }

    [Fact]
    public async Task A_good_token_files_one_request_whose_approval_by_rest_begins_the_grant()
    {
        var first = await Ask(Token());
        Assert.Equal(("pending", $"https://accessplane.example/v1/requests/{first.Request:D}"), (first.State, first.Link));
        var again = await Ask(Token());
        Assert.Equal(first.Request, again.Request);
        using var dba = plane.Host.Client("dba", "dba");
        using var approved = await dba.PostAsJsonAsync($"/v1/requests/{first.Request:D}/reviews", new { verdict = "approve" }, Cancel);
        Assert.True(approved.IsSuccessStatusCode, await approved.Content.ReadAsStringAsync(Cancel));
        var grant = plane.Agent.Next<GrantLease>(DirectiveKinds.Grant);
        Assert.Equal((first.Request, who), (grant.Request, grant.Holder.Subject));
        Assert.Equal(("granted", grant.Grant), await Standing());

        async Task<(string, Guid?)> Standing()
        {
            var answer = await Ask(Token());
            return (answer.State, answer.Grant);
        }
    }

    [Fact]
    public async Task A_denial_by_rest_is_told_to_the_agent_at_whose_door_the_client_waits()
    {
        var asked = await Ask(Token());
        using var dba = plane.Host.Client("dba", "dba");
        using var denied = await dba.PostAsJsonAsync($"/v1/requests/{asked.Request:D}/reviews", new { verdict = "deny", comment = "not today" }, Cancel);
        Assert.True(denied.IsSuccessStatusCode, await denied.Content.ReadAsStringAsync(Cancel));
        var closure = plane.Agent.Next<RequestClosure>(DirectiveKinds.RequestClosed);
        Assert.Equal(asked.Request, closure.Request);
        Assert.Contains("denied", closure.Why, StringComparison.Ordinal);
    }
}
