using AccessPlane.Agent.Directives;
using Xunit;

namespace AccessPlane.Tests.Unit.Agent;

public sealed class ControlPlaneClockTests
{
    private readonly ManualTime time = new();

    [Fact]
    public void Before_any_answer_every_right_has_ended_and_no_lock_has()
    {
        var clock = new ControlPlaneClock(time);
        Assert.Equal(DateTimeOffset.MaxValue, clock.Latest);
        Assert.Equal(DateTimeOffset.MinValue, clock.Earliest);
    }

    [Fact]
    public void The_truth_lies_between_the_two_bounds_however_slow_the_answer_was()
    {
        var clock = new ControlPlaneClock(time);
        var truth = new DateTimeOffset(2030, 5, 5, 5, 5, 5, TimeSpan.Zero);
        var asked = time.GetTimestamp();
        time.Advance(TimeSpan.FromSeconds(2));
        truth += TimeSpan.FromSeconds(2);
        var stamp = truth;
        time.Advance(TimeSpan.FromSeconds(1));
        truth += TimeSpan.FromSeconds(1);
        clock.Sample(asked, time.GetTimestamp(), stamp);
        Assert.InRange(truth, clock.Earliest, clock.Latest);
        Assert.Equal(TimeSpan.FromSeconds(3), clock.Latest - clock.Earliest);
    }

    [Fact]
    public void A_quick_round_trip_narrows_what_a_slow_one_left_open()
    {
        var clock = new ControlPlaneClock(time);
        clock.Sample(time.GetTimestamp() - TimeSpan.TicksPerSecond, time.GetTimestamp(), time.Wall);
        clock.Sample(time.GetTimestamp(), time.GetTimestamp(), time.Wall);
        Assert.Equal(time.Wall, clock.Latest);
        Assert.Equal(time.Wall, clock.Earliest);
    }

    [Fact]
    public void Setting_this_hosts_clock_moves_nothing()
    {
        var clock = new ControlPlaneClock(time);
        clock.Sample(time.GetTimestamp(), time.GetTimestamp(), time.Wall);
        var before = clock.Latest;
        time.Wall += TimeSpan.FromHours(1);
        Assert.Equal(before, clock.Latest);
        FaultReport.Saw($"the host's clock set by an hour: time moved by {(clock.Latest - before).TotalSeconds:0} s");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void What_is_dated_has_the_control_planes_time_whatever_this_host_says(int hours)
    {
        var clock = new ControlPlaneClock(time);
        Assert.Equal((time.Wall, TimeSpan.Zero), (clock.GetUtcNow(), clock.HostIsAhead)); // nothing better is known
        var truth = time.Wall;
        time.Wall += TimeSpan.FromHours(hours);
        clock.Sample(time.GetTimestamp(), time.GetTimestamp(), truth);
        Assert.Equal((truth, TimeSpan.FromHours(hours)), (clock.GetUtcNow(), clock.HostIsAhead));
        time.Advance(TimeSpan.FromMinutes(1));
        time.Wall -= TimeSpan.FromHours(3 * hours);
        Assert.Equal((truth.AddMinutes(1), TimeSpan.FromHours(-2 * hours)), (clock.GetUtcNow(), clock.HostIsAhead));
    }

    /// <summary>Where its clock is set, or two control planes do not have one time.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void When_the_control_planes_own_clock_is_set_dates_follow_at_once_and_doubt_ends_rights_and_keeps_locks(int hours)
    {
        var clock = new ControlPlaneClock(time);
        var (before, after) = (time.Wall, time.Wall.AddHours(hours));
        clock.Sample(time.GetTimestamp(), time.GetTimestamp(), before);
        clock.Sample(time.GetTimestamp(), time.GetTimestamp(), after);
        Assert.Equal(after, clock.GetUtcNow());
        Assert.Equal((hours > 0 ? after : before, hours > 0 ? before : after), (clock.Latest, clock.Earliest));
        for (var answer = 0; answer < 7; answer++)
        {
            clock.Sample(time.GetTimestamp(), time.GetTimestamp(), after);
        }
        Assert.Equal((after, after), (clock.Latest, clock.Earliest));
        FaultReport.Saw($"set by {hours} h: dates followed at the first answer; until 8 had come, rights ended by {(hours > 0 ? "the new" : "the old")} clock and locks were kept by {(hours > 0 ? "the old" : "the new")} one");
    }
}
