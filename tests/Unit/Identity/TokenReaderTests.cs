using System.Text.Json;
using AccessPlane.Contracts.Identity;
using Xunit;
using static AccessPlane.Tests.Unit.Identity.Forge;

namespace AccessPlane.Tests.Unit.Identity;

public sealed class TokenReaderTests
{
    [Fact]
    public void A_good_token_is_read()
    {
        var token = Valid(Read(Unsigned(Header, Claims.With("groups", new[] { "dba", "dba", "engineering" }).With("run_id", 4711).With("name", "Erin"))));
        Assert.Equal($"{Issuer}|engineer", token.Actor.Key);
        Assert.Equal("Erin", token.Actor.Name);
        Assert.Equal(["dba", "engineering"], token.Actor.Groups);
        Assert.Equal("4711", token.Actor.Claims["run_id"]);
        Assert.Equal(ActorKind.Person, token.Actor.Kind);
    }

    [Fact]
    public void Nobody_learns_the_actor_of_a_token_whose_signature_does_not_hold() =>
        Assert.Null(Assert.IsType<TokenReading.Read>(Read(Unsigned(Header, Claims))).Token.ProvenBy(_ => false));

    [Theory]
    [InlineData("none")]
    [InlineData("None")]
    [InlineData("HS256")]
    [InlineData("HS512")]
    [InlineData("rs256")]
    [InlineData("RS384")]
    [InlineData("EdDSA")]
    [InlineData("")]
    public void An_algorithm_that_the_issuer_is_not_known_for_is_refused(string algorithm) =>
        Assert.Equal("token-algorithm", Refusal(Read(Unsigned(Header.With("alg", algorithm), Claims))));

    [Theory]
    [InlineData("none")]
    [InlineData("HS256")]
    public void No_configuration_can_allow_unsigned_tokens_or_shared_secrets(string algorithm) =>
        Assert.Equal("token-algorithm", Refusal(Read(Unsigned(Header.With("alg", algorithm), Claims), terms: Terms with { Algorithms = [algorithm] })));

    [Fact]
    public void A_missing_algorithm_is_refused() => Assert.Equal("token-algorithm", Refusal(Read(Unsigned(Header.Without("alg"), Claims))));

    [Theory]
    [InlineData("jku")]
    [InlineData("jwk")]
    [InlineData("x5u")]
    [InlineData("x5c")]
    [InlineData("crit")]
    [InlineData("b64")]
    [InlineData("cty")]
    [InlineData("zip")]
    [InlineData("enc")]
    public void Headers_that_would_change_how_the_token_is_checked_are_refused(string name) =>
        Assert.Equal("token-header", Refusal(Read(Unsigned(Header.With(name, "https://evil.example"), Claims))));

    [Theory]
    [InlineData("")]
    [InlineData("id_token")]
    [InlineData("logout+jwt")]
    [InlineData("dpop+jwt")]
    public void Other_kinds_of_token_are_refused(string type) =>
        Assert.Equal("token-type", Refusal(Read(Unsigned(Header.With("typ", type), Claims))));

    [Fact]
    public void A_token_without_a_type_is_taken_only_where_its_issuer_is_configured_so()
    {
        var token = Unsigned(Header.Without("typ"), Claims);
        Assert.Equal("token-type", Refusal(Read(token)));
        Valid(Read(token, terms: Terms with { Types = [""] }));
    }

    [Theory]
    [InlineData("client_id")]
    [InlineData("azp")]
    public void Only_the_named_clients_tokens_are_taken_where_clients_are_named(string claim)
    {
        var terms = Terms with { Clients = ["cli", "portal"] };
        Valid(Read(Unsigned(Header, Claims.With(claim, "portal")), terms: terms));
        Assert.Equal("token-client", Refusal(Read(Unsigned(Header, Claims.With(claim, "another")), terms: terms)));
        Assert.Equal("token-client", Refusal(Read(Unsigned(Header, Claims.With(claim, "CLI")), terms: terms)));
        Assert.Equal("token-client", Refusal(Read(Unsigned(Header, Claims.With(claim, "")), terms: terms)));
        Assert.Equal("token-claim", Refusal(Read(Unsigned(Header, Claims.With(claim, new[] { "portal" })), terms: terms)));
        Assert.Equal("token-client", Refusal(Read(Unsigned(Header, Claims.With(claim, "another").With("aud", "accessplane-reviews")), TokenUse.Review, terms)));
        Valid(Read(Unsigned(Header, Claims.With(claim, "another"))));
    }

    [Fact]
    public void A_token_that_names_no_client_or_two_of_which_one_is_not_allowed_is_refused()
    {
        var terms = Terms with { Clients = ["cli", "portal"] };
        Assert.Equal("token-client", Refusal(Read(Unsigned(Header, Claims), terms: terms)));
        Assert.Equal("token-client", Refusal(Read(Unsigned(Header, Claims.With("client_id", "cli").With("azp", "another")), terms: terms)));
        Assert.Equal("token-client", Refusal(Read(Unsigned(Header, Claims.With("client_id", "another").With("azp", "cli")), terms: terms)));
        Valid(Read(Unsigned(Header, Claims.With("client_id", "cli").With("azp", "portal")), terms: terms));
    }

    [Theory]
    [InlineData("nonce")]
    [InlineData("at_hash")]
    [InlineData("c_hash")]
    [InlineData("s_hash")]
    [InlineData("events")]
    public void An_id_token_is_no_access_token(string claim)
    {
        Valid(Read(Unsigned(Header.With("typ", "JWT"), Claims)));
        Assert.Equal("token-type", Refusal(Read(Unsigned(Header.With("typ", "JWT"), Claims.With(claim, "x")))));
    }

    [Theory]
    [InlineData("token_use", "id")]
    [InlineData("typ", "ID")]
    [InlineData("typ", "Refresh")]
    public void Issuers_own_ways_to_mark_an_id_token_are_known(string claim, string value) =>
        Assert.Equal("token-type", Refusal(Read(Unsigned(Header.With("typ", "JWT"), Claims.With(claim, value)))));

    public static TheoryData<string> WrongAudiences { get; } =
    [
        "\"accessplane-reviews\"", "\"Accessplane\"", "\"\"", "[]", """["accessplane","other"]""", """["accessplane","accessplane"]""", "[\"other\"]", "null",
        "{\"accessplane\":1}", "[[\"accessplane\"]]", "17",
    ];

    [Theory]
    [MemberData(nameof(WrongAudiences))]
    public void The_audience_must_be_ours_alone(string audience) =>
        Assert.Equal("token-audience", Refusal(Read(Unsigned(Header, Claims.With("aud", JsonSerializer.Deserialize<JsonElement>(audience))))));

    [Fact]
    public void An_audience_may_be_a_list_of_one() => Valid(Read(Unsigned(Header, Claims.With("aud", new[] { "accessplane" }))));

    [Fact]
    public void A_missing_audience_is_refused() => Assert.Equal("token-audience", Refusal(Read(Unsigned(Header, Claims.Without("aud")))));

    [Theory]
    [InlineData("https://idp.example/")]
    [InlineData("https://IDP.example")]
    [InlineData("https://evil.example")]
    [InlineData("https://idp.example\u200b")]
    [InlineData("https://\u0456dp.example")]
    public void An_issuer_must_be_exactly_one_of_the_trusted(string issuer) =>
        Assert.Equal("token-issuer", Refusal(Read(Unsigned(Header, Claims.With("iss", issuer)))));

    [Theory]
    [InlineData(-61, "token-expired")]
    [InlineData(-60, "token-expired")]
    [InlineData(-59, null)]
    public void A_token_ends_a_minute_after_it_expired(int exp, string? refusal)
    {
        var reading = Read(Unsigned(Header, Claims.With("exp", Now.ToUnixTimeSeconds() + exp).With("iat", Now.ToUnixTimeSeconds() - 300)));
        Assert.Equal(refusal, (reading as TokenReading.Refused)?.Refusal.Code);
    }

    [Theory]
    [InlineData("nbf", 61, "token-not-yet-valid")]
    [InlineData("nbf", 60, null)]
    [InlineData("iat", 61, "token-not-yet-valid")]
    [InlineData("iat", 60, null)]
    public void A_token_from_the_future_is_refused(string claim, int seconds, string? refusal)
    {
        var reading = Read(Unsigned(Header, Claims.With(claim, Now.ToUnixTimeSeconds() + seconds)));
        Assert.Equal(refusal, (reading as TokenReading.Refused)?.Refusal.Code);
    }

    [Fact]
    public void A_token_of_long_ago_is_refused_however_long_it_would_live() =>
        Assert.Equal("token-too-old", Refusal(Read(Unsigned(Header, Claims.With("iat", Now.AddDays(-2).ToUnixTimeSeconds())))));

    [Theory]
    [InlineData("exp")]
    [InlineData("iat")]
    public void Times_must_be_there(string claim) => Assert.Equal("token-malformed", Refusal(Read(Unsigned(Header, Claims.Without(claim)))));

    [Theory]
    [InlineData("exp", "\"9999999999\"")]
    [InlineData("exp", "1e400")]
    [InlineData("exp", "-1")]
    [InlineData("exp", "99999999999999")]
    [InlineData("exp", "null")]
    [InlineData("nbf", "[]")]
    public void Times_must_be_sensible_numbers(string claim, string value)
    {
        var claims = JsonSerializer.Serialize(Claims.Without(claim));
        Assert.Equal("token-malformed", Refusal(Read(Unsigned(JsonSerializer.Serialize(Header), $"{claims[..^1]},\"{claim}\":{value}}}"))));
    }

    [Fact]
    public void A_token_for_reviews_is_not_taken_elsewhere_and_the_other_way_round()
    {
        var review = Unsigned(Header, Claims.With("aud", "accessplane-reviews"));
        Assert.Equal("token-audience", Refusal(Read(review)));
        Valid(Read(review, TokenUse.Review));
        Assert.Equal("token-audience", Refusal(Read(Unsigned(Header, Claims), TokenUse.Review)));
    }

    [Fact]
    public void A_token_for_a_review_lives_five_minutes_at_most_and_can_be_told_from_others()
    {
        var review = Claims.With("aud", "accessplane-reviews");
        Assert.Equal("token-life", Refusal(Read(Unsigned(Header, review.With("exp", Now.ToUnixTimeSeconds() + 291)), TokenUse.Review)));
        Assert.Equal("token-id", Refusal(Read(Unsigned(Header, review.Without("jti")), TokenUse.Review)));
        Assert.Equal("token-id", Refusal(Read(Unsigned(Header, review.With("jti", "")), TokenUse.Review)));
    }

    public static TheoryData<string> Malformed { get; } =
    [
        "", ".", "..", "a.b", "a.b.c.d", "....", "a..c", $"{Part("{}")}.{Part("{}")}.", $"{Part("{}")}=.{Part("{}")}.AQID", $" {Part("{}")}.{Part("{}")}.AQID",
        $"{Part("[]")}.{Part("{}")}.AQID", $"{Part("{}")}.{Part("3")}.AQID", $"{Part("{} {}")}.{Part("{}")}.AQID", $"{Part("{\"alg\":\"RS256\",}")}.{Part("{}")}.AQID",
        $"{Part("\ufeff{}")}.{Part("{}")}.AQID", $"{Base64Url([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])}.{Part("{}")}.AQID", $"{Part("{}")}.{Part("{}")}.AQIDB",
        $"{Part("{}")}.{Part("{}")}.AR", $"{Part("{}")}.{Part("{}")}.AQ\u200bID", Unsigned("""{"alg":"\ud800"}""", "{}"), Unsigned("{}", """{"\udc00":1}"""),
        $"{Part("{}")}.{Part(new string('[', 40) + new string(']', 40))}.AQID",
    ];

    [Theory]
    [MemberData(nameof(Malformed))]
    public void What_is_no_strict_token_is_refused_before_anything_else(string token) =>
        Assert.Contains(Refusal(Read(token)), new[] { "token-malformed", "token-issuer" });

    [Fact]
    public void An_encrypted_token_is_refused() => Assert.Equal("token-malformed", Refusal(Read("a.b.c.d.e")));

    [Fact]
    public void A_huge_token_is_refused_without_a_look_inside() =>
        Assert.Equal("token-too-large", Refusal(Read(Unsigned(Header, Claims.With("x", new string('x', TokenReader.MaxLength))))));

    [Theory]
    [InlineData("""{"alg":"RS256","alg":"none","typ":"at+jwt"}""", null)]
    [InlineData("""{"alg":"RS256","\u0061lg":"none","typ":"at+jwt"}""", null)]
    [InlineData(null, "\"sub\":\"admin\"")]
    [InlineData(null, "\"s\\u0075b\":\"admin\"")]
    [InlineData(null, "\"act\":{\"sub\":\"a\",\"sub\":\"b\"}")]
    [InlineData(null, "\"x\":{\"deep\":[{\"y\":1,\"y\":2}]}")]
    public void A_member_that_is_there_twice_is_refused_at_every_depth(string? header, string? more)
    {
        var claims = JsonSerializer.Serialize(Claims);
        var token = Unsigned(header ?? JsonSerializer.Serialize(Header), more is null ? claims : $"{claims[..^1]},{more}}}");
        Assert.Equal("token-malformed", Refusal(Read(token)));
    }
}
