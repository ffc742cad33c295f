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
    }
}
