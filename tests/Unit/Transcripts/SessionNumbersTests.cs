using AccessPlane.ControlPlane.Sessions;
using Xunit;

namespace AccessPlane.Tests.Unit.Transcripts;

public sealed class SessionNumbersTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(1);
    private readonly SessionNumbers numbers = new(0);

    private List<(long Number, string Kind)> Findings(TimeSpan later) => numbers.Findings(Now + later, Grace).ToList();

    [Fact]
    public void Numbers_that_arrive_in_any_order_within_a_minute_are_fine()
    {
        foreach (var number in (long[])[3, 1, 2, 5])
        {
            numbers.Seen(number, Now);
        }
        numbers.Seen(4, Now.AddSeconds(59));
        Assert.Empty(Findings(TimeSpan.FromHours(1)));
    }

    [Fact]
    public void A_number_that_never_arrives_is_found_once_and_the_count_goes_on()
    {
        numbers.Seen(1, Now);
        numbers.Seen(4, Now);
        Assert.Empty(Findings(TimeSpan.FromSeconds(59)));
        Assert.Equal([(2, SessionNumbers.Missing), (3, SessionNumbers.Missing)], Findings(Grace));
        numbers.Settle(2);
        numbers.Settle(3);
        Assert.Empty(Findings(TimeSpan.FromHours(1)));
        numbers.Seen(5, Now);
        Assert.Empty(Findings(TimeSpan.FromHours(1)));
    }

    [Fact]
    public void Two_sessions_with_one_number_are_found()
    {
        numbers.Seen(1, Now);
        numbers.Seen(1, Now);
        Assert.Equal([(1, SessionNumbers.Repeated)], Findings(TimeSpan.Zero));
        numbers.Settle(1);
        Assert.Empty(Findings(TimeSpan.FromHours(1)));
    }
}
