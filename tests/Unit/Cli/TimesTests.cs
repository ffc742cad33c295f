using AccessPlane.Cli.Terminal;
using Xunit;

namespace AccessPlane.Tests.Unit.Cli;

public sealed class TimesTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeZoneInfo East = TimeZoneInfo.CreateCustomTimeZone("east", TimeSpan.FromHours(2), "east", "east");

    [Theory]
    [InlineData("20m", 20)]
    [InlineData("20min", 20)]
    [InlineData("1h30m", 90)]
    [InlineData("2d", 2880)]
    [InlineData("PT20M", 20)]
    public void Spans_are_typed_as_people_and_as_the_api_write_them(string text, int minutes) => Assert.Equal(TimeSpan.FromMinutes(minutes), Times.Span(text));

    [Theory]
    [InlineData("")]
    [InlineData("20")]
    [InlineData("m20")]
    [InlineData("30m1h")]
    [InlineData("-5m")]
    [InlineData("P")]
    public void What_is_no_span_is_none(string text) => Assert.Null(Times.Span(text));

    [Theory]
    [InlineData("now", "2026-03-01T12:00:00Z")]
    [InlineData("20m ago", "2026-03-01T11:40:00Z")]
    [InlineData("14:30", "2026-03-01T12:30:00Z")]
    [InlineData("2026-02-28 23:00", "2026-02-28T21:00:00Z")]
    [InlineData("2026-02-28T23:00:00Z", "2026-02-28T23:00:00Z")]
    [InlineData("2026-02-28T23:00:00+01:00", "2026-02-28T22:00:00Z")]
    public void Times_without_a_zone_are_the_readers(string text, string utc) =>
        Assert.Equal(DateTimeOffset.Parse(utc, System.Globalization.CultureInfo.InvariantCulture), Times.Instant(text, Now, East));

    [Fact]
    public void What_is_no_time_is_none() => Assert.Null(Times.Instant("soon", Now, East));

    [Fact]
    public void Times_are_told_in_the_readers_zone_with_the_day_where_it_is_another()
    {
        Assert.Equal("14:05", Times.At(Now.AddMinutes(5), Now, East));
        Assert.Equal("2026-03-02 00:30", Times.At(Now.AddHours(10.5), Now, East));
        Assert.Equal("18 min left", Times.Left(Now.AddMinutes(18), Now));
        Assert.Equal("3 min ago", Times.Left(Now.AddMinutes(-3), Now));
    }
}
