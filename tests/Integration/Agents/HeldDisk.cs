using AccessPlane.Agent.Recording;
using Microsoft.Win32.SafeHandles;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>The real disk, counted, and as slow or as broken as a test wants it.</summary>
internal sealed class HeldDisk : SpoolDisk, IDisposable
{
    private readonly ManualResetEventSlim open = new(initialState: true);
    private int ones;
    private int alls;
    private int waiting;

    public int Ones => Volatile.Read(ref ones);
    public int Alls => Volatile.Read(ref alls);
    public int Flushes => Ones + Alls;

    /// <summary>Someone waits for the disk.</summary>
    public bool IsBusy => Volatile.Read(ref waiting) > 0;
    public bool IsBroken { get; set; }

    public void Hold() => open.Reset();

    public void Release() => open.Set();

    public override void Flush(SafeFileHandle file)
    {
        Wait();
        base.Flush(file);
        Interlocked.Increment(ref ones);
    }

    public override void FlushAll(SafeFileHandle file)
    {
        Wait();
        base.FlushAll(file);
        Interlocked.Increment(ref alls);
    }

    public void Dispose() => open.Dispose();

    private void Wait()
    {
        Interlocked.Increment(ref waiting);
        open.Wait();
        Interlocked.Decrement(ref waiting);
        if (IsBroken)
        {
            throw new IOException("the disk is broken");
        }
    }
}
