using AccessPlane.ControlPlane.Integrations;
using Xunit;

namespace AccessPlane.Tests.Unit.Integrations;

public sealed class BackoffTests
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);

    private static double Pause(int failures, double chance = 1, TimeSpan? wish = null) => Backoff.Pause(failures, First, Longest, wish, chance).TotalSeconds;

    [Fact]
    public void A_pause_doubles_up_to_the_longest_and_never_overflows()
    {
        Assert.Equal([1, 2, 4, 8, 256, 300, 300, 300], new[] { 1, 2, 3, 4, 9, 10, 1000, int.MaxValue }.Select(n => Pause(n)));
    }

    [Fact]
    public void Chance_takes_up_to_half_of_it() => Assert.Equal([4, 6, 8], new[] { 0, 0.5, 1 }.Select(chance => Pause(4, chance)));

    [Fact]
    public void A_receiver_may_ask_for_longer_up_to_an_hour_and_not_for_less()
    {
        Assert.Equal(20, Pause(1, wish: TimeSpan.FromSeconds(20)));
        Assert.Equal(3600, Pause(1, wish: TimeSpan.FromDays(300)));
        Assert.Equal(8, Pause(4, wish: TimeSpan.Zero));
    }
}
