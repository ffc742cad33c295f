namespace AccessPlane.Agent.Gate;

/// <summary>So many lines a second for what strangers can cause; beyond that they are counted. A log that anybody can fill is worth nothing, and whoever
/// writes to it may have to wait for its reader.</summary>
internal sealed class LogPace(TimeProvider time, int perSecond)
{
    private readonly Lock guard = new();
    private long second = time.GetTimestamp();
    private int said;
    private long unsaid;

    /// <summary>Whether a line may be written; if not, it is counted.</summary>
    public bool MaySay()
    {
        lock (guard)
        {
            if (time.GetElapsedTime(second) >= TimeSpan.FromSeconds(1))
            {
                (second, said) = (time.GetTimestamp(), 0);
            }
            if (said < perSecond)
            {
                said++;
                return true;
            }
            unsaid++;
            return false;
        }
    }

    /// <summary>How many lines were left out since this was last asked.</summary>
    public long TakeUnsaid()
    {
        lock (guard)
        {
            var left = unsaid;
            unsaid = 0;
            return left;
        }
    }
}
