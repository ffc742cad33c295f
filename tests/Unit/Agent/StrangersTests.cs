using System.Net;
using System.Text.Json;
using AccessPlane.Agent;
using AccessPlane.Agent.Gate;
using AccessPlane.Contracts;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Unit.Agent;

public sealed class StrangersTests
{
    private readonly Strangers strangers = new(new DoorBounds(Strangers: 5, StrangersPerAddress: 2));

    private string? Enter(string address) => strangers.Enter(IPAddress.Parse(address));

    [Fact]
    public void One_address_takes_its_own_places_and_no_others()
    {
        Assert.Null(Enter("10.0.0.1"));
        Assert.Null(Enter("10.0.0.1"));
        for (var i = 0; i < 100; i++)
        {
            Assert.StartsWith("too many logins from your address", Enter("10.0.0.1"), StringComparison.Ordinal);
        }
        Assert.Null(Enter("10.0.0.2"));
        Assert.Null(Enter("10.0.0.3"));
    }

    [Fact]
    public void Many_addresses_together_meet_the_bound_of_all_and_what_is_given_back_is_there_again()
    {
        for (var i = 1; i <= 5; i++)
        {
            Assert.Null(Enter($"10.0.0.{i}"));
        }
        Assert.StartsWith("too many logins at a time", Enter("10.0.0.6"), StringComparison.Ordinal);
        strangers.Leave(IPAddress.Parse("10.0.0.1"));
        Assert.Null(Enter("10.0.0.6"));
    }

    [Theory]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:3::1", false)]
    [InlineData("::ffff:10.0.0.1", "10.0.0.1", true)]
    [InlineData("::ffff:10.0.0.1", "10.0.0.2", false)]
    public void Whoever_has_an_address_of_the_newer_kind_has_a_whole_net_of_them(string one, string other, bool same)
    {
        Assert.Null(Enter(one));
        Assert.Null(Enter(one));
        Assert.Equal(same, Enter(other) is not null);
    }

    [Fact]
    public async Task However_many_come_and_go_at_once_the_count_is_right()
    {
        var door = new Strangers(new DoorBounds(Strangers: 64, StrangersPerAddress: 8));
        var addresses = Enumerable.Range(1, 16).Select(i => IPAddress.Parse($"10.0.0.{i}")).ToArray();
        await Task.WhenAll(Enumerable.Range(0, 64).Select(i => Task.Run(() =>
        {
            for (var n = 0; n < 2_000; n++)
            {
                if (door.Enter(addresses[(i + n) % 16]) is null)
                {
                    door.Leave(addresses[(i + n) % 16]);
                }
            }
        })));
        Assert.Equal(64, addresses.Sum(a => Enumerable.Range(0, 20).Count(_ => door.Enter(a) is null)));
    }

    [Fact]
    public void A_pace_takes_so_many_at_once_and_then_as_they_are_forgiven()
    {
        var clock = new ManualClock(new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero));
        var pace = new Pace<string>(clock, TimeSpan.FromSeconds(2), 3);
        int Taken(string key) => Enumerable.Range(0, 10).Count(_ => pace.Take(key));
        Assert.Equal(3, Taken("a"));
        Assert.Equal(3, Taken("b"));
        clock.Advance(TimeSpan.FromSeconds(1.9));
        Assert.Equal(0, Taken("a"));
        clock.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal(1, Taken("a"));
        clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(3, Taken("a"));
    }

    [Fact]
    public void A_pace_forgets_no_key_that_something_is_held_against_however_many_there_are()
    {
        var clock = new ManualClock(new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero));
        var pace = new Pace<int>(clock, TimeSpan.FromSeconds(1), 1);
        Assert.All(Enumerable.Range(0, 10_000), key => Assert.True(pace.Take(key)));
        Assert.All(Enumerable.Range(0, 10_000), key => Assert.False(pace.Take(key)));
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.All(Enumerable.Range(0, 10_000), key => Assert.True(pace.Take(key)));
    }

    [Fact]
    public void The_log_says_so_much_a_second_and_then_how_much_it_left_out()
    {
        var clock = new ManualClock(new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero));
        var pace = new LogPace(clock, 3);
        Assert.Equal(3, Enumerable.Range(0, 10).Count(_ => pace.MaySay()));
        Assert.Equal(7, pace.TakeUnsaid());
        Assert.Equal(0, pace.TakeUnsaid());
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(3, Enumerable.Range(0, 4).Count(_ => pace.MaySay()));
        Assert.Equal(1, pace.TakeUnsaid());
    }

    [Theory]
    [InlineData("""{"strangersPerAddress":0}""", true)]
    [InlineData("""{"strangers":10,"strangersPerAddress":11}""", true)]
    [InlineData("""{"unread":"PT0S"}""", true)]
    [InlineData("""{"halfClosed":"PT0S"}""", true)]
    [InlineData("""{"connectionsPerSecond":0}""", true)]
    [InlineData("""{"failedLogins":0}""", true)]
    [InlineData("""{"strangers":10,"strangersPerAddress":10,"unread":"PT1M"}""", false)]
    [InlineData("""{}""", false)]
    public void Bounds_that_make_no_sense_are_told_before_anything_starts(string bounds, bool refused)
    {
        var listener = new ListenerConfig("postgresql", "r", "127.0.0.1", 1, new UpstreamConfig("h", 1, "u"), Bounds: JsonSerializer.Deserialize<DoorBounds>(bounds, Json.Strict));
        Assert.Equal(refused, listener.Problems("listeners[0]").Any(p => p.StartsWith("`listeners[0].bounds`", StringComparison.Ordinal)));
    }
}
