using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>How fast statements may come: what comes faster waits, so that over each second there are no more than allowed.</summary>
internal sealed class PgPace(TimeProvider clock)
{
    private double credit = double.NaN;
    private long refilled;

    /// <summary>How long the next statement has to wait; null where it need not.</summary>
    public TimeSpan? Until { get; set; }

    /// <summary>Takes one statement's turn.</summary>
    public bool MustWait(SessionLimits limits)
    {
        if (limits.StatementsPerSecond is not { Most: var rate })
        {
            return false;
        }
        var now = clock.GetTimestamp();
        credit = double.IsNaN(credit) ? rate : Math.Min(rate, credit + (clock.GetElapsedTime(refilled, now).TotalSeconds * rate));
        refilled = now;
        if (credit >= 1)
        {
            credit--;
            return false;
        }
        Until = TimeSpan.FromSeconds(Math.Max((1 - credit) / rate, 0.001));
        return true;
    }
}
