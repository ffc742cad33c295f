using AccessPlane.Agent.Gate;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Integration.Http;
using AccessPlane.Tests.Unit.Agent;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>By whose time an agent takes tokens, and for how long after their issuer was last heard: a real issuer, and clocks that the test sets.</summary>
public sealed class TokenTimeTests : IAsyncLifetime
{
    private readonly AgentWorld world = new();
    private readonly IssuerKeys keys = new(TimeProvider.System);
    private TestIssuer issuer = null!;
    private TokenLogins logins = null!;

    public async ValueTask InitializeAsync()
    {
        issuer = await TestIssuer.Start();
        world.InForce.Swap(world.InForce.Current with
        {
            Issuers = [new IssuerTerms(issuer.Address, "accessplane", "accessplane-reviews", ["RS256"], "groups", "kind", ActorKind.Workload, [])],
        });
        world.Apply(AgentWorld.Grant(world.Time.Wall.AddDays(3)) with
        {
            Holder = AgentWorld.Engineer with { Issuer = issuer.Address },
            TokenLogin = new TokenLogin([ActorKind.Person], Once: false),
        });
        // whoever has a grant asks nobody, and these tokens count more than once
        logins = new TokenLogins(world.InForce, keys, null!, null!);
    }

    public async ValueTask DisposeAsync()
    {
        keys.Dispose();
        await issuer.DisposeAsync();
    }

    private string TokenOf(DateTimeOffset at) => issuer.Token("engineer", at);

    private async Task<string> Verdict(string token) => (await logins.FindGrant(
        new TokenBearer("orders", "engineer", token, "orders", "127.0.0.1:9"), new LoginWait(() => { }, _ => ValueTask.CompletedTask),
        TestContext.Current.CancellationToken)).Refusal?.Code ?? "in";

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task A_host_whose_clock_is_an_hour_off_takes_the_tokens_that_it_would_take_otherwise(int hours)
    {
        var (good, old, early) = (TokenOf(world.Time.Wall), TokenOf(world.Time.Wall.AddMinutes(-10)), TokenOf(world.Time.Wall.AddMinutes(10)));
        world.Time.Wall += TimeSpan.FromHours(hours);
        Assert.Equal(("in", "token-expired", "token-not-yet-valid"), (await Verdict(good), await Verdict(old), await Verdict(early)));
        FaultReport.Saw($"the host's clock {hours} h off: 1 good token taken, 1 expired and 1 of a time to come refused");
    }

    [Fact]
    public async Task While_control_planes_disagree_about_the_time_a_token_counts_by_the_later_one()
    {
        var token = TokenOf(world.Time.Wall);
        void Answer(DateTimeOffset stamp) => world.InForce.Time.Sample(world.Time.GetTimestamp(), world.Time.GetTimestamp(), stamp);

        Assert.Equal("in", await Verdict(token));
        Answer(world.Time.Wall.AddMinutes(10));
        Assert.Equal("token-expired", await Verdict(token));
        for (var answer = 0; answer < 8; answer++)
        {
            Answer(world.Time.Wall);
        }
        Assert.Equal("in", await Verdict(token));
        FaultReport.Saw("two control planes whose clocks are 10 minutes apart: a token for 5 minutes was refused until all answers were of one time again");
    }

    [Fact]
    public async Task An_issuer_whose_process_is_gone_is_not_needed_for_a_day_and_then_nobody_comes_in()
    {
        var start = world.Time.Wall;
        var (first, later, tooLate) = (TokenOf(start), TokenOf(start.AddHours(23)), TokenOf(start.AddHours(25)));
        Assert.Equal("in", await Verdict(first));
        await issuer.DisposeAsync(); // nobody listens there any more
        world.Time.Advance(TimeSpan.FromHours(23));
        Assert.Equal("in", await Verdict(later));
        world.Time.Advance(TimeSpan.FromHours(2));
        Assert.Equal("token-signature", await Verdict(tooLate));
        FaultReport.Saw("by the test's clock: the issuer's process was gone, and its tokens were taken after 23 h and not after 25");
    }
}
