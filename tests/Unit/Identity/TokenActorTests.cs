using System.Text.Json;
using AccessPlane.Contracts.Identity;
using Xunit;
using static AccessPlane.Tests.Unit.Identity.Forge;

namespace AccessPlane.Tests.Unit.Identity;

public sealed class TokenActorTests
{
    private static TokenReading ReadClaims(Dictionary<string, object?> claims) => Read(Unsigned(Header, claims));

    public static TheoryData<string> BadSubjects { get; } =
    [
        "", " ", " engineer", "engineer ", "engine\u0435r", "engineer\u200b", "\u202eengineer", "engineer\n", "engineer\0", "ｅngineer", "x via https://idp.example|dba",
        new string('a', 256),
    ];

    [Theory]
    [MemberData(nameof(BadSubjects))]
    public void A_subject_that_could_be_taken_for_another_is_refused(string subject) =>
        Assert.Equal("token-subject", Refusal(ReadClaims(Claims.With("sub", subject))));

    [Fact]
    public void A_token_without_a_subject_is_refused()
    {
        Assert.Equal("token-subject", Refusal(ReadClaims(Claims.Without("sub"))));
        Assert.Equal("token-claim", Refusal(ReadClaims(Claims.With("sub", 17))));
    }

    [Theory]
    [InlineData("Erin\u202eEngineer")]
    [InlineData("Erin\nEngineer")]
    [InlineData("")]
    [InlineData(" dba")]
    [InlineData("dba\u200b")]
    [InlineData(null)]
    public void A_name_that_could_deceive_is_not_shown(string? name) =>
        Assert.Equal("engineer", Valid(ReadClaims(Claims.With("name", name))).Actor.Name);

    [Fact]
    public void A_delegation_chain_is_read_from_the_outermost_link_with_each_links_own_facts()
    {
        var act = new Dictionary<string, object?>
        {
            ["sub"] = "assistant",
            ["kind"] = "ai-agent",
            ["name"] = "Assistant",
            ["groups"] = new[] { "ai-assistants" },
            ["act"] = new { iss = "https://other.example", sub = "runner", kind = "workload" },
        };
        var actor = Valid(ReadClaims(Claims.With("act", act))).Actor;
        Assert.Equal([$"{Issuer}|assistant", "https://other.example|runner"], actor.Act.Select(a => a.Key));
        Assert.Equal(ActorKind.AiAgent, actor.Act[0].Kind);
        Assert.Equal(["ai-assistants"], actor.Act[0].Groups);
        Assert.Equal("engineer via Assistant via runner", actor.Display);
        Assert.All(actor.Act, link => Assert.Empty(link.Act));
    }

    [Fact]
    public void Four_links_are_read_and_five_are_refused()
    {
        Assert.Equal(4, Valid(ReadClaims(Claims.With("act", Chain(4)))).Actor.Act.Count);
        Assert.Equal("token-chain", Refusal(ReadClaims(Claims.With("act", Chain(5)))));

        static object Chain(int depth) => depth == 1 ? new { sub = "a1" } : new { sub = $"a{depth}", act = Chain(depth - 1) };
    }

    [Theory]
    [InlineData("\"assistant\"", "token-chain")]
    [InlineData("null", "token-chain")]
    [InlineData("[]", "token-chain")]
    [InlineData("{}", "token-subject")]
    [InlineData("{\"sub\":\"a\",\"iss\":\"https://x|y\"}", "token-issuer")]
    [InlineData("{\"sub\":\"a\",\"iss\":\"\"}", "token-issuer")]
    [InlineData("{\"sub\":\"a\",\"kind\":\"god\"}", "token-claim")]
    public void A_link_that_does_not_say_who_it_is_refuses_the_token(string act, string code) =>
        Assert.Equal(code, Refusal(ReadClaims(Claims.With("act", JsonSerializer.Deserialize<JsonElement>(act)))));

    [Theory]
    [InlineData("17")]
    [InlineData("{}")]
    [InlineData("[17]")]
    [InlineData("[\"\"]")]
    [InlineData("[\"dba\\u200b\"]")]
    [InlineData("[null]")]
    public void Groups_must_be_names(string groups) =>
        Assert.Equal("token-claim", Refusal(ReadClaims(Claims.With("groups", JsonSerializer.Deserialize<JsonElement>(groups)))));

    [Fact]
    public void Groups_and_kind_come_from_the_claims_that_the_issuer_is_configured_for()
    {
        var terms = Terms with { GroupsClaim = "roles", KindClaim = "sort", DefaultKind = ActorKind.Workload };
        var actor = Valid(Read(Unsigned(Header, Claims.With("roles", "dba").With("groups", new[] { "admins" }).With("kind", "person")), terms: terms)).Actor;
        Assert.Equal(["dba"], actor.Groups);
        Assert.Equal(ActorKind.Workload, actor.Kind);
    }

    [Fact]
    public void Evidence_is_kept_whole_or_the_token_is_refused()
    {
        var actor = Valid(ReadClaims(Claims.With("repository", "shop/billing").With("run_id", true).With("secret", "x"))).Actor;
        Assert.Equal(new Dictionary<string, string> { ["repository"] = "shop/billing", ["run_id"] = "true" }, actor.Claims);
        Assert.Equal("token-claim", Refusal(ReadClaims(Claims.With("repository", new string('x', 1_025)))));
        Assert.Equal("token-claim", Refusal(ReadClaims(Claims.With("repository", new { a = 1 }))));
    }
}
