using AccessPlane.Agent.Gate;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Tests.Integration.Http;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>Tokens with made-up key ids in mass, and an issuer that takes its time: at an agent, which asks the issuers itself.</summary>
public sealed class TokenStormTests : IAsyncLifetime
{
    private readonly ManualClock clock = new(TimeProvider.System.GetUtcNow());
    private readonly IssuerKeys keys;
    private TestIssuer slow = null!;
    private TestIssuer other = null!;
    private DateTimeOffset now = TimeProvider.System.GetUtcNow();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public TokenStormTests() => keys = new IssuerKeys(clock);

    public async ValueTask InitializeAsync() => (slow, other) = (await TestIssuer.Start(), await TestIssuer.Start());

    public async ValueTask DisposeAsync()
    {
        keys.Dispose();
        await slow.DisposeAsync();
        await other.DisposeAsync();
    }

    private async Task<bool> IsProven(TestIssuer issuer, string token)
    {
        var terms = new IssuerTerms(issuer.Address, "accessplane", "accessplane-reviews", ["RS256"], "groups", "kind", ActorKind.Workload, []);
        var read = Assert.IsType<TokenReading.Read>(TokenReader.Read(token, TokenUse.Access, [terms], now));
        return await keys.Prove(read.Token, now, Cancel) is not null;
    }

    private Task<bool> IsProven(TestIssuer issuer) => IsProven(issuer, issuer.Token("engineer", now));

    private string MadeUp(TestIssuer issuer, int i) => TestIssuer.Compose(
        new() { ["alg"] = "RS256", ["typ"] = "at+jwt", ["kid"] = $"made-up-{i}" }, issuer.Claims("engineer", now), _ => [1, 2, 3]);

    [Fact]
    public async Task Thousands_of_made_up_key_ids_reach_their_issuer_once_in_thirty_seconds()
    {
        Assert.True(await IsProven(slow));
        for (var minute = 1; minute <= 2; minute++)
        {
            now += KeyRing<object>.FetchAtMostEvery;
            Assert.DoesNotContain(true, await Task.WhenAll(Enumerable.Range(0, 2_000).Select(i => IsProven(slow, MadeUp(slow, i)))));
            Assert.Equal(1 + minute, slow.Asked);
            Assert.True(await IsProven(slow));
        }
        Assert.Equal(0, other.Asked);
        FaultReport.Saw($"4,000 tokens with made-up key ids within a minute: 4,000 refused, their issuer was asked {slow.Asked - 1} times more and the other one {other.Asked} times");
    }

    [Fact]
    public async Task While_an_issuer_takes_its_time_over_them_its_own_people_and_all_others_get_in()
    {
        Assert.True(await IsProven(slow));
        var answers = new TaskCompletionSource();
        slow.Answers = answers.Task;
        now += KeyRing<object>.RefreshAfter;
        var storm = Task.WhenAll(Enumerable.Range(0, 500).Select(i => IsProven(slow, MadeUp(slow, i))));
        await Wire.WireAgent.Until(() => Task.FromResult(slow.Begun == 2));
        for (var i = 0; i < 20; i++)
        {
            // the time that it has to answer never passes here
            Assert.True(await IsProven(slow).WaitAsync(TimeSpan.FromSeconds(30), Cancel));
            Assert.True(await IsProven(other).WaitAsync(TimeSpan.FromSeconds(30), Cancel));
        }
        Assert.False(storm.IsCompleted);
        answers.SetResult();
        Assert.DoesNotContain(true, await storm);
    }

    [Fact]
    public async Task An_issuer_that_never_answers_is_waited_for_five_seconds_and_then_not_asked_for_a_while()
    {
        slow.Answers = Task.Delay(Timeout.Infinite, Cancel);
        var storm = Task.WhenAll(Enumerable.Range(0, 50).Select(_ => IsProven(slow)));
        await Wire.WireAgent.Until(() => Task.FromResult(slow.Begun == 1));
        clock.Advance(TimeSpan.FromSeconds(5) - TimeSpan.FromTicks(1));
        Assert.Equal(1, clock.TimersWaiting);
        clock.Advance(TimeSpan.FromTicks(1));
        Assert.DoesNotContain(true, await storm.WaitAsync(TimeSpan.FromSeconds(30), Cancel)); // all of them together
        Assert.False(await IsProven(slow));
        Assert.Equal(1, slow.Begun);
    }
}
