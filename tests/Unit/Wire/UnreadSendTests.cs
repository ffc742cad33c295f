using AccessPlane.Agent.Relay;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>A client that reads nothing is put out in the end: what it is sent is looked at now and then.</summary>
public sealed class UnreadSendTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private readonly ManualClock clock = new(new DateTimeOffset(2026, 3, 2, 9, 0, 0, TimeSpan.Zero));

    /// <summary>A statement that was held at once was cut with its session: the first look found its notice on the way, and took it for as old as the clock.</summary>
    [Fact]
    public void A_first_word_that_is_on_its_way_at_the_first_look_is_not_unread_for_long()
    {
        var unread = new UnreadSend(clock);
        Assert.Equal(TimeSpan.Zero, unread.Look(isBlocked: true, sends: 0));
    }

    [Fact]
    public void What_stays_on_its_way_is_unread_since_then()
    {
        var unread = new UnreadSend(clock);
        unread.Look(isBlocked: true, sends: 3);
        clock.Advance(Minute);
        Assert.Equal(Minute, unread.Look(isBlocked: true, sends: 3));
        clock.Advance(Minute);
        Assert.Equal(2 * Minute, unread.Look(isBlocked: true, sends: 3));
    }

    [Theory]
    [InlineData(false, 3)]
    [InlineData(true, 4)]
    public void Where_it_got_through_time_begins_anew(bool isBlocked, int sends)
    {
        var unread = new UnreadSend(clock);
        unread.Look(isBlocked: true, sends: 3);
        clock.Advance(Minute);
        Assert.Equal(TimeSpan.Zero, unread.Look(isBlocked, sends));
        clock.Advance(Minute);
        Assert.Equal(Minute, unread.Look(isBlocked: true, sends));
    }
}
