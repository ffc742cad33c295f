using AccessPlane.ControlPlane.Console;
using Xunit;

namespace AccessPlane.Tests.Unit.Console;

public sealed class WaitingTests
{
    private sealed record Thing(int Number, string Is = "waiting");

    private static Guid Id(Thing thing) => new(thing.Number, 0, 0, new byte[8]);

    private readonly Waiting<Thing> waiting = new(Id);

    private string Shown => string.Join(", ", waiting.Items.Select(i => $"{i.Shown.Number} {i.Shown.Is}{(i.IsOver ? " over" : "")}"));

    [Fact]
    public void What_comes_later_moves_nothing_that_is_there()
    {
        Assert.Empty(waiting.Take([new(2), new(3)]));
        Assert.Empty(waiting.Take([new(1), new(2, "changed"), new(3)]));
        Assert.Equal("2 changed, 3 waiting, 1 waiting", Shown);
    }

    [Fact]
    public void What_another_has_decided_stays_with_what_became_of_it()
    {
        waiting.Take([new(1), new(2)]);
        Assert.Equal([Id(new(1))], waiting.Take([new(2)]));
        waiting.Ended(Id(new(1)), new(1, "denied"));
        Assert.Equal("1 denied over, 2 waiting", Shown);
        Assert.Equal(1, waiting.Open);
        Assert.Empty(waiting.Take([new(2)])); // told once
    }

    [Fact]
    public void What_may_not_be_seen_any_more_is_shown_as_it_was_and_over()
    {
        waiting.Take([new(1)]);
        waiting.Ended(Id(new(1)), null);
        Assert.Equal("1 waiting over", Shown);
    }

    [Fact]
    public void What_waits_again_can_be_decided_again()
    {
        waiting.Take([new(1)]);
        waiting.Ended(Id(new(1)), new(1, "step 2"));
        waiting.Take([new(1, "step 3")]);
        Assert.Equal("1 step 3", Shown);
    }
}
