using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Agents;
using Xunit;

namespace AccessPlane.Tests.Unit.Agent;

/// <summary>Two processes with one identity, and one process after another: told apart by what only the living can say.</summary>
public sealed class LeaseOwnerTests
{
    private static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly Guid A = Guid.CreateVersion7(Noon);
    private static readonly Guid B = Guid.CreateVersion7(Noon);
    private static readonly Guid C = Guid.CreateVersion7(Noon);
    private int contests;

    private static DateTimeOffset At(double seconds) => Noon.AddSeconds(seconds);

    private Turn Ask(LeaseOwner owner, Guid instance, double at, Guid? contest = null, bool flagged = false) =>
        owner.Asked(new LeaseAsk(Guid.CreateVersion7(Noon), 0, 1, instance, contest), At(at), flagged, new Guid(++contests, 0, 0, new byte[8]));

    private LeaseOwner Held(Guid instance, double at) => Granted(Ask(new LeaseOwner(), instance, at));

    private static LeaseOwner Granted(Turn turn)
    {
        Assert.Null(Assert.IsType<Turn.Granted>(turn).Twins);
        return turn.Owner;
    }

    private static LeaseOwner Waits(Turn turn)
    {
        var refused = Assert.IsType<Turn.Refused>(turn);
        Assert.False(refused.IsClone);
        Assert.Null(refused.Twins);
        return turn.Owner;
    }

    [Fact]
    public void The_first_process_that_asks_has_the_lease_for_as_long_as_it_asks()
    {
        var owner = Held(A, 0);
        Assert.Equal(A, owner.Instance);
        Assert.Equal(At(900), Granted(Ask(owner, A, 900)).HeardAt);
    }

    [Fact]
    public void A_process_that_was_killed_and_started_again_at_once_waits_a_moment_and_is_no_clone()
    {
        var owner = Waits(Ask(Held(A, 0), B, 0.3));
        owner = Waits(Ask(owner, B, 1.3, owner.Contest));
        owner = Granted(Ask(owner, B, 2.3, owner.Contest));
        Assert.Equal(B, owner.Instance);
        // what the dead one said before it died comes late, and says nothing that is newer than its death
        owner = Waits(Ask(owner, A, 2.4));
        owner = Waits(Ask(owner, A, 2.5, Guid.CreateVersion7(Noon)));
        Assert.Equal(B, Granted(Ask(owner, B, 3.3, owner.Contest)).Instance);
    }

    [Fact]
    public void Two_that_both_say_what_was_made_when_the_second_came_live_side_by_side()
    {
        var owner = Waits(Ask(Held(A, 0), B, 0.3));
        var contest = owner.Contest;
        owner = Granted(Ask(owner, A, 0.5, contest));
        var found = Assert.IsType<Turn.Refused>(Ask(owner, B, 1.3, contest));
        Assert.True(found.IsClone);
        Assert.Equal((A, B), found.Twins);
        Assert.Equal(A, found.Owner.Instance);
    }

    [Fact]
    public void The_one_that_holds_it_keeps_it_when_its_word_is_what_proves_the_other()
    {
        var owner = Waits(Ask(Held(A, 0), B, 0.3));
        owner = Waits(Ask(owner, B, 0.8, owner.Contest));
        Assert.Equal((A, B), Assert.IsType<Turn.Granted>(Ask(owner, A, 1, owner.Contest)).Twins);
    }

    [Fact]
    public void One_that_slept_and_comes_back_behind_its_successor_is_found_to_live()
    {
        var owner = Granted(Ask(Waits(Ask(Held(A, 0), B, 1.5)), B, 2.5));
        owner = Granted(Ask(owner, B, 3, owner.Contest));
        var found = Assert.IsType<Turn.Refused>(Ask(owner, A, 60, owner.Contest));
        Assert.True(found.IsClone);
        Assert.Equal((B, A), found.Twins);
    }

    [Fact]
    public void A_stray_word_of_one_long_dead_makes_no_clone_of_those_that_follow_each_other()
    {
        var owner = Waits(Ask(Held(B, 0), A, 0.1)); // A died before B began
        owner = Granted(Ask(owner, B, 0.5, owner.Contest));
        var before = owner.Contest;
        owner = Waits(Ask(owner, C, 1)); // B dies, C begins
        owner = Waits(Ask(owner, C, 1.5, before)); // from an answer that B left in the queue
        Assert.Equal(C, Granted(Ask(owner, C, 2.6, owner.Contest)).Instance);
    }

    [Fact]
    public void Once_a_clone_was_found_no_other_process_takes_over_however_long_the_owner_is_silent()
    {
        var owner = Held(A, 0);
        Assert.True(Assert.IsType<Turn.Refused>(Ask(owner, B, 900, null, flagged: true)).IsClone);
        Assert.Equal(A, Granted(Ask(owner, A, 901, null, flagged: true)).Instance);
    }
}
