using AccessPlane.Contracts.Identity;
using Xunit;

namespace AccessPlane.Tests.Unit.Identity;

public sealed class KeyRingTests : IDisposable
{
    private readonly KeyRing<string[]> ring;
    private string[]? published = ["k1"];
    private int asked;
    private DateTimeOffset now = Forge.Now;

    public KeyRingTests() => ring = new KeyRing<string[]>(() =>
    {
        asked++;
        return published is { } keys ? Task.FromResult(keys) : Task.FromException<string[]>(new HttpRequestException("down"));
    });

    public void Dispose() => ring.Dispose();

    private async Task<bool> Finds(string kid) => await ring.Find(keys => keys.Contains(kid), now, TestContext.Current.CancellationToken) is not null;

    private void Pass(TimeSpan time) => now += time;

    [Fact]
    public async Task Known_keys_are_not_asked_for_again()
    {
        for (var i = 0; i < 100; i++)
        {
            Assert.True(await Finds("k1"));
        }
        Assert.Equal(1, asked);
    }

    [Fact]
    public async Task Made_up_key_ids_ask_the_issuer_once_in_thirty_seconds()
    {
        for (var second = 0; second < 60; second++)
        {
            for (var i = 0; i < 10; i++)
            {
                Assert.False(await Finds($"made-up-{second}-{i}"));
            }
            Pass(TimeSpan.FromSeconds(1));
        }
        Assert.Equal(2, asked);
    }

    [Fact]
    public async Task A_new_key_is_found_when_a_token_names_it()
    {
        Assert.True(await Finds("k1"));
        published = ["k1", "k2"];
        Pass(KeyRing<string[]>.FetchAtMostEvery);
        Assert.True(await Finds("k2"));
        Assert.True(await Finds("k1"));
    }

    [Fact]
    public async Task A_removed_key_is_forgotten_at_the_next_refresh()
    {
        Assert.True(await Finds("k1"));
        published = ["k2"];
        Pass(KeyRing<string[]>.RefreshAfter);
        await ring.Refresh(now, TestContext.Current.CancellationToken);
        Assert.False(await Finds("k1"));
        Assert.True(await Finds("k2"));
    }

    [Fact]
    public async Task Keys_outlive_their_issuers_outage_for_a_day_and_no_longer()
    {
        Assert.True(await Finds("k1"));
        published = null;
        for (var hour = 1; hour < 24; hour++)
        {
            Pass(TimeSpan.FromHours(1));
            await ring.Refresh(now, TestContext.Current.CancellationToken);
            Assert.True(await Finds("k1"), $"hour {hour}");
        }
        Assert.IsType<HttpRequestException>(ring.LastFailure);
        Pass(TimeSpan.FromHours(1));
        Assert.False(await Finds("k1"));
        Assert.False(ring.Ready(now));
        published = ["k1"];
        Pass(KeyRing<string[]>.FetchAtMostEvery);
        Assert.True(await Finds("k1"));
    }

    [Fact]
    public async Task A_clock_that_is_set_back_does_not_keep_the_issuer_from_being_asked()
    {
        Assert.True(await Finds("k1"));
        published = ["k2"];
        Pass(TimeSpan.FromHours(-5));
        Assert.True(await Finds("k2"));
    }

    [Fact]
    public async Task Many_callers_at_once_ask_once()
    {
        using var gate = new SemaphoreSlim(0);
        var asked = 0;
        using var ring = new KeyRing<string[]>(async () =>
        {
            asked++;
            await gate.WaitAsync(TestContext.Current.CancellationToken);
            return ["k1"];
        });
        var callers = Enumerable.Range(0, 20).Select(_ => ring.Find(k => k.Contains("k1"), now, TestContext.Current.CancellationToken).AsTask()).ToList();
        gate.Release();
        Assert.All(await Task.WhenAll(callers), Assert.NotNull);
        Assert.Equal(1, asked);
    }

    [Fact]
    public async Task An_issuer_that_takes_its_time_over_a_made_up_key_id_keeps_nobody_waiting_whose_key_is_known()
    {
        using var gate = new SemaphoreSlim(1);
        using var ring = new KeyRing<string[]>(async () =>
        {
            await gate.WaitAsync(TestContext.Current.CancellationToken);
            return ["k1"];
        });
        async Task<bool> Known()
        {
            await ring.Refresh(now, TestContext.Current.CancellationToken);
            return await ring.Find(k => k.Contains("k1"), now, TestContext.Current.CancellationToken) is not null;
        }
        Assert.True(await Known());
        Pass(KeyRing<string[]>.FetchAtMostEvery);
        var madeUp = ring.Find(k => k.Contains("made-up"), now, TestContext.Current.CancellationToken).AsTask();
        Assert.True(await Known());
        Pass(KeyRing<string[]>.RefreshAfter); // what is kept is to be refreshed by now, and may be used
        Assert.True(await Known());
        Assert.False(madeUp.IsCompleted);
        gate.Release();
        Assert.Null(await madeUp);
    }
}
