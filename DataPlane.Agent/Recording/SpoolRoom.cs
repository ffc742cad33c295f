namespace AccessPlane.Agent.Recording;

/// <summary>How much room the evidence has on this host's disk, how much of it is taken, and what must not go on because of that.</summary>
internal sealed class SpoolRoom(string folder, SpoolLimits limits, TimeProvider clock, Func<long> available)
{
    /// <summary>Copies get a quarter of the room that is left.</summary>
    private const int ShareOfCopies = 4;

    private readonly SpoolReserve reserve = Held(folder);
    private long bytes;
    private long? frozenSince;
    private double fullness;

    public long Bytes => Interlocked.Read(ref bytes);
    public double Fullness => Volatile.Read(ref fullness);
    public bool TakesSessions => Fullness < limits.NoNewSessions && reserve.IsHeld;
    public bool Frozen => Fullness >= limits.Frozen || !reserve.IsHeld;
    public bool MustEnd => frozenSince is { } since && clock.GetElapsedTime(since) >= limits.EndAfter;

    public void Account(long delta) => Interlocked.Add(ref bytes, delta);

    /// <returns>What all copies may take.</returns>
    public long Measure(SpoolCopies copies)
    {
        var used = Bytes - copies.LiveBytes;
        // copies stand in nobody's way: what they take counts as free, and they go before it is needed
        var room = Math.Min(limits.Bytes, used + copies.AllBytes + Math.Max(0, available() - (reserve.IsHeld ? 0 : SpoolReserve.Bytes)));
        Volatile.Write(ref fullness, room <= 0 ? 1 : used / (double)room);
        return (room - used) / ShareOfCopies;
    }

    /// <summary>What was given up is taken again, once there is room for it.</summary>
    public void Recover()
    {
        if (!reserve.IsHeld && Fullness < limits.Frozen)
        {
            lock (reserve)
            {
                reserve.Hold();
            }
        }
        frozenSince = Frozen ? frozenSince ?? clock.GetTimestamp() : null;
    }

    /// <summary>The disk is full: what was kept for this is given up.</summary>
    /// <param name="freeze">Called before there is room: who finds some because of this forwards nothing.</param>
    public void GiveUp(Action freeze)
    {
        lock (reserve)
        {
            reserve.Release(freeze);
        }
    }

    private static SpoolReserve Held(string folder)
    {
        var reserve = new SpoolReserve(folder);
        reserve.Hold();
        return reserve;
    }
}
