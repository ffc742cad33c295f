namespace AccessPlane.Tests.Unit;

/// <summary>What is allocated by work that is done over and over.</summary>
public static class Allocated
{
    /// <summary>
    /// Bytes of the round that allocated the least, of ten: what each call allocates is in all of them, and what the runtime itself needs once, when it compiles
    /// a method anew beside the work, is not.
    /// </summary>
    public static long InSteadyState(Action round)
    {
        ArgumentNullException.ThrowIfNull(round);
        round();
        var least = long.MaxValue;
        for (var i = 0; i < 10; i++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            round();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return least;
    }
}
