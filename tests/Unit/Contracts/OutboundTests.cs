using AccessPlane.Contracts.Messages;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Unit.Contracts;

public sealed class OutboundTests : IAsyncDisposable
{
    private readonly ManualClock clock = new(World.Noon);
    private readonly List<Line> lines = [];
    private readonly List<string> told = [];
    private readonly Outbound<Line> outbound;

    public OutboundTests() => outbound = new Outbound<Line>(Open, Close, told.Add, clock);

    public ValueTask DisposeAsync() => outbound.DisposeAsync();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_confirmed_goes_on_one_connection_however_long_it_lives()
    {
        for (var i = 0; i < 5; i++)
        {
            await Say("word");
            clock.Advance(TimeSpan.FromHours(1));
        }
        Assert.Equal(5, Assert.Single(lines).Said.Count);
    }

    [Fact]
    public async Task A_connection_that_waits_for_ever_is_left_for_one_that_is_answered()
    {
        lines[0].Deaf = true;
        var lost = Say("lost");
        clock.Advance(Outbound<Line>.Patience);
        Assert.Single(lines);
        var late = Say("late");
        Assert.Equal(["late"], lines[1].Said);
        await Say("next");
        Assert.Equal(["late", "next"], lines[1].Said);
        Assert.True(lines[0].Closed);
        Assert.False(lines[1].Closed);
        Assert.False(lost.IsCompleted || late.IsCompleted);
        Assert.Equal("nothing was confirmed on one connection: a new one has taken its place", Assert.Single(told));
    }

    [Fact]
    public async Task Where_the_broker_answers_nobody_the_first_connection_stays_and_another_is_tried_now_and_then()
    {
        lines[0].Deaf = true;
        _ = Say("lost");
        for (var tries = 1; tries <= 3; tries++)
        {
            clock.Advance(Outbound<Line>.Patience);
            nextIsDeaf = true;
            _ = Say("again");
            _ = Say("and again");
            Assert.Equal(1 + tries, lines.Count);
            clock.Advance(Outbound<Line>.Patience);
            Assert.True(lines[tries].Closed);
        }
        Assert.Same(lines[0], outbound.Current);
        Assert.Equal(Enumerable.Repeat("nothing is confirmed, and a new connection was no better: nothing was confirmed there", 3), told);
        lines[0].Deaf = false;
        await Say("at last");
        clock.Advance(Outbound<Line>.Patience);
        await Say("as ever");
        Assert.Equal(4, lines.Count);
        Assert.False(lines[0].Closed);
    }

    [Fact]
    public async Task One_that_stops_closes_what_it_has_open()
    {
        lines[0].Deaf = nextIsDeaf = true;
        _ = Say("lost");
        clock.Advance(Outbound<Line>.Patience);
        _ = Say("again");
        await outbound.DisposeAsync();
        Assert.Equal([true, true], lines.Select(l => l.Closed));
        Assert.Empty(told);
    }

    [Fact]
    public async Task Where_no_connection_can_be_made_that_is_told_and_tried_again()
    {
        lines[0].Deaf = true;
        _ = Say("lost");
        clock.Advance(Outbound<Line>.Patience);
        trouble = new IOException("no more sockets");
        _ = Say("again");
        Assert.Equal("nothing is confirmed, and a new connection was no better: no more sockets", Assert.Single(told));
        clock.Advance(Outbound<Line>.Patience);
        trouble = null;
        _ = Say("late");
        await Say("next");
        Assert.Equal(["late", "next"], lines[1].Said);
        Assert.Equal(2, told.Count);
    }

    private bool nextIsDeaf;
    private Exception? trouble;

    private Task Say(string word) => outbound.Send((line, cancel) => line.Say(word, cancel), Cancel);

    private Line Open()
    {
        if (trouble is not null)
        {
            throw trouble;
        }
        lines.Add(new Line { Deaf = nextIsDeaf });
        return lines[^1];
    }

    private static Task Close(Line line)
    {
        line.Closed = true;
        return Task.CompletedTask;
    }

    private sealed class Line
    {
        public bool Deaf { get; set; }
        public bool Closed { get; set; }
        public List<string> Said { get; } = [];

        public Task Say(string word, CancellationToken cancel)
        {
            Said.Add(word);
            return Deaf ? Task.Delay(Timeout.Infinite, cancel) : Task.CompletedTask;
        }
    }
}
