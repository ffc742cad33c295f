using System.Security.Cryptography;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AccessPlane.Tests.Integration.Http;

public sealed class TokenValidatorTests : IAsyncLifetime
{
    private readonly Clock clock = new(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));
    private TestIssuer issuer = null!;
    private TestIssuer other = null!;
    private IssuerKeys keys = null!;
    private TokenValidator validator = null!;

    public async ValueTask InitializeAsync()
    {
        issuer = await TestIssuer.Start();
        other = await TestIssuer.Start();
        var trusted = new TrustedIssuers([Terms(issuer), Terms(other)]);
        keys = new IssuerKeys(trusted, clock, NullLogger<IssuerKeys>.Instance);
        validator = new TokenValidator(trusted, keys, clock);
    }

    public async ValueTask DisposeAsync()
    {
        keys.Dispose();
        await issuer.DisposeAsync();
        await other.DisposeAsync();
    }

    private static IssuerTerms Terms(TestIssuer issuer) =>
        new(issuer.Address, "accessplane", "accessplane-reviews", ["RS256", "ES256"], "groups", "kind", ActorKind.Person, []);

    private Dictionary<string, object?> Claims => issuer.Claims("engineer", clock.GetUtcNow());

    private async Task<string> Verdict(string token)
    {
        var verdict = await validator.Validate(token, TokenUse.Access, TestContext.Current.CancellationToken);
        Assert.Equal(verdict.Refusal is null, verdict.Token is not null);
        return verdict.Refusal?.Code ?? "valid";
    }

    private static Dictionary<string, object?> Header(string alg, string? kid) =>
        kid is null ? new() { ["alg"] = alg, ["typ"] = "at+jwt" } : new() { ["alg"] = alg, ["typ"] = "at+jwt", ["kid"] = kid };

    [Fact]
    public async Task A_token_with_its_issuers_signature_is_valid() => Assert.Equal("valid", await Verdict(issuer.Sign(Claims)));

    [Fact]
    public async Task A_changed_token_is_refused()
    {
        var parts = issuer.Sign(Claims).Split('.');
        var admin = issuer.Sign(issuer.Claims("admin", clock.GetUtcNow(), "admins")).Split('.');
        Assert.Equal("token-signature", await Verdict($"{parts[0]}.{admin[1]}.{parts[2]}"));
        Assert.Equal("token-signature", await Verdict($"{parts[0]}.{parts[1]}.{parts[2][..^8]}AAAAAAAA"));
        Assert.Equal("token-signature", await Verdict($"{parts[0]}.{parts[1]}.AQID"));
    }

    [Fact]
    public async Task Another_key_under_the_same_id_is_refused()
    {
        using var other = RSA.Create(2048);
        Assert.Equal("token-signature", await Verdict(issuer.Sign(Claims, key: other)));
    }

    [Fact]
    public async Task A_trusted_issuer_cannot_sign_for_another_by_naming_a_key_alike()
    {
        other.Withdraw("k1");
        other.Publish("k1", RSA.Create(2048)); // all issuers of tests begin with the same key
        Assert.Equal("valid", await Verdict(issuer.Sign(Claims)));
        Assert.Equal("valid", await Verdict(other.Sign(other.Claims("engineer", clock.GetUtcNow()))));
        Assert.Equal("token-signature", await Verdict(issuer.Sign(Claims, key: other.Rsa("k1"))));
        Assert.Equal("valid", await Verdict(issuer.Sign(Claims)));
    }

    [Fact]
    public async Task The_public_key_is_no_shared_secret()
    {
        var secret = System.Text.Encoding.ASCII.GetBytes(issuer.Rsa("k1").ExportSubjectPublicKeyInfoPem());
        Assert.Equal("token-algorithm", await Verdict(TestIssuer.Compose(Header("HS256", "k1"), Claims, input => HMACSHA256.HashData(secret, input))));
    }

    [Fact]
    public async Task An_algorithm_that_does_not_fit_the_key_is_refused()
    {
        using var ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.Equal("token-key-unknown", await Verdict(TestIssuer.Compose(Header("ES256", "k1"), Claims, input => ec.SignData(input, HashAlgorithmName.SHA256))));
        issuer.Publish("wrong-curve", ECDsa.Create(ECCurve.NamedCurves.nistP384));
        clock.Pass(TimeSpan.FromSeconds(31));
        Assert.Equal("token-key-unknown", await Verdict(TestIssuer.Compose(Header("ES256", "wrong-curve"), Claims, input => ec.SignData(input, HashAlgorithmName.SHA256))));
    }

    [Fact]
    public async Task A_short_key_is_not_believed_even_when_its_issuer_publishes_it()
    {
        issuer.Publish("short", RSA.Create(1024));
        Assert.Equal("token-key-unknown", await Verdict(issuer.Sign(Claims, "short")));
    }

    [Fact]
    public async Task Elliptic_curves_work_too()
    {
        var ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        issuer.Publish("ec", ec);
        Assert.Equal("valid", await Verdict(TestIssuer.Compose(Header("ES256", "ec"), Claims, input => ec.SignData(input, HashAlgorithmName.SHA256))));
    }

    [Fact]
    public async Task A_token_without_a_key_id_is_taken_only_where_there_is_no_choice()
    {
        var token = TestIssuer.Compose(Header("RS256", null), Claims, i => issuer.Rsa("k1").SignData(i, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));
        Assert.Equal("valid", await Verdict(token));
        issuer.Publish("k2", RSA.Create(2048));
        clock.Pass(TimeSpan.FromSeconds(31));
        Assert.Equal("token-key-unknown", await Verdict(issuer.Sign(Claims, "unknown", key: issuer.Rsa("k1"))));
        Assert.Equal("token-key-unknown", await Verdict(token));
    }

    [Fact]
    public async Task A_rotated_key_is_taken_at_once_and_a_withdrawn_one_is_forgotten()
    {
        Assert.Equal("valid", await Verdict(issuer.Sign(Claims)));
        var old = issuer.Rsa("k1");
        issuer.Publish("k2", RSA.Create(2048));
        issuer.Withdraw("k1");
        clock.Pass(TimeSpan.FromSeconds(31));
        Assert.Equal("valid", await Verdict(issuer.Sign(Claims, "k2")));
        Assert.Equal("token-key-unknown", await Verdict(issuer.Sign(Claims, "k1", key: old)));
        FaultReport.Saw($"a token of the new key let in, one of the withdrawn key refused; the issuer was asked {issuer.Asked} times");
    }

    [Fact]
    public async Task A_new_key_under_an_old_id_replaces_it()
    {
        var old = issuer.Rsa("k1");
        Assert.Equal("valid", await Verdict(issuer.Sign(Claims)));
        issuer.Withdraw("k1");
        issuer.Publish("k1", RSA.Create(2048));
        clock.Pass(TimeSpan.FromSeconds(31));
        Assert.Equal("token-key-unknown", await Verdict(issuer.Sign(Claims, "other", key: old))); // makes the issuer be asked
        Assert.Equal("valid", await Verdict(issuer.Sign(Claims)));
        Assert.Equal("token-signature", await Verdict(issuer.Sign(Claims, key: old)));
    }

    [Fact]
    public async Task Made_up_key_ids_do_not_reach_the_issuer_more_than_once_in_thirty_seconds()
    {
        for (var i = 0; i < 50; i++)
        {
            Assert.Equal("token-key-unknown", await Verdict(issuer.Sign(Claims, $"made-up-{i}", key: issuer.Rsa("k1"))));
        }
        Assert.Equal(1, issuer.Asked);
        Assert.Equal("valid", await Verdict(issuer.Sign(Claims)));
        FaultReport.Saw($"50 made-up key ids: 50 refused, the issuer was asked {issuer.Asked} time");
    }

    private string MadeUp(int i) => TestIssuer.Compose(Header("RS256", $"made-up-{i}"), Claims, _ => [1, 2, 3]);

    [Fact]
    public async Task A_storm_of_made_up_key_ids_at_an_issuer_that_takes_its_time_keeps_neither_its_own_people_nor_others_waiting()
    {
        Assert.Equal("valid", await Verdict(issuer.Sign(Claims)));
        var answers = new TaskCompletionSource();
        issuer.Answers = answers.Task;
        clock.Pass(TimeSpan.FromHours(1));
        var storm = Task.WhenAll(Enumerable.Range(0, 2_000).Select(i => Verdict(MadeUp(i))));
        await Wire.WireAgent.Until(() => Task.FromResult(issuer.Begun == 2));
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("valid", await Verdict(issuer.Sign(Claims)));
            Assert.Equal("valid", await Verdict(other.Sign(other.Claims("engineer", clock.GetUtcNow()))));
        }
        Assert.False(storm.IsCompleted);
        answers.SetResult();
        Assert.All(await storm, v => Assert.Equal("token-key-unknown", v));
        Assert.Equal((2, 1), (issuer.Asked, other.Asked));
    }

    [Fact]
    public async Task While_the_issuer_is_down_its_keys_live_on_for_a_day()
    {
        Assert.Equal("valid", await Verdict(issuer.Sign(Claims)));
        issuer.Down = true;
        clock.Pass(TimeSpan.FromHours(23));
        Assert.Equal("valid", await Verdict(issuer.Sign(Claims)));
        Assert.Equal("token-key-unknown", await Verdict(issuer.Sign(Claims, "k9", key: issuer.Rsa("k1"))));
        clock.Pass(TimeSpan.FromHours(2));
        Assert.Equal("identity-provider-unavailable", await Verdict(issuer.Sign(Claims)));
        issuer.Down = false;
        clock.Pass(TimeSpan.FromSeconds(31));
        Assert.Equal("valid", await Verdict(issuer.Sign(Claims)));
        FaultReport.Saw($"by the test's clock: let in after 23 h without the issuer, not after 25 h, and 31 s after it was back; 1 token of an unknown key refused meanwhile");
    }

    [Fact]
    public async Task An_issuer_that_was_never_reached_leaves_nothing_to_say()
    {
        issuer.Down = true;
        Assert.Equal("identity-provider-unavailable", await Verdict(issuer.Sign(Claims)));
    }
}
