namespace AccessPlane.Tests.Unit.Domain;

/// <summary>A wall clock that a test moves; timers fire when it passes them.</summary>
internal sealed class ManualClock(DateTimeOffset start) : TimeProvider
{
    private readonly Lock one = new();
    private readonly List<Alarm> alarms = [];
    private DateTimeOffset now = start;
    private int timersSet;

    public override DateTimeOffset GetUtcNow()
    {
        lock (one)
        {
            return now;
        }
    }

    public override long GetTimestamp() => GetUtcNow().Ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>How many timers were ever set: a test waits for the sleeper before it moves the clock.</summary>
    public int TimersSet
    {
        get
        {
            lock (one)
            {
                return timersSet;
            }
        }
    }

    /// <summary>How many have neither fired nor been given up.</summary>
    public int TimersWaiting
    {
        get
        {
            lock (one)
            {
                return alarms.Count;
            }
        }
    }

    /// <summary>Whether somebody sleeps for exactly that long from now: which timer was set last, a count does not say.</summary>
    public bool RingsIn(TimeSpan after)
    {
        lock (one)
        {
            return alarms.Exists(a => a.At == now + after);
        }
    }

    public void Advance(TimeSpan by)
    {
        Alarm[] due;
        lock (one)
        {
            now += by;
            due = [.. alarms.Where(a => a.At <= now)];
            alarms.RemoveAll(a => a.At <= now);
        }
        foreach (var alarm in due)
        {
            alarm.Ring();
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var alarm = new Alarm(this, () => callback(state));
        alarm.Change(dueTime, period);
        return alarm;
    }

    private sealed class Alarm(ManualClock clock, Action ring) : ITimer
    {
        public DateTimeOffset At { get; private set; }

        public void Ring() => ring();

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock.one)
            {
                clock.alarms.Remove(this);
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    At = clock.now + dueTime;
                    clock.alarms.Add(this);
                    clock.timersSet++;
                }
            }
            return true;
        }

        public void Dispose()
        {
            lock (clock.one)
            {
                clock.alarms.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
