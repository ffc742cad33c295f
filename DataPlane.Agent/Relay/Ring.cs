using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace AccessPlane.Agent.Relay;

/// <summary>
/// An io_uring and the one thread that serves it. What its wires wait for is asked of the kernel all together, with the call that waits; and who waited
/// goes on here, on this thread, so that nothing changes threads between a session's two sides. What takes long must leave it.
/// </summary>
internal sealed class Ring : Wiring
{
    private const ulong Woken = 0;
    private const ulong NoMatter = 1;

    private static readonly Lazy<Ring[]> All = new(Open);
    private static uint next;

    private readonly ConcurrentQueue<(RingOp Op, bool Cancels)> incoming = new();
    private readonly ulong[] wakings = GC.AllocateArray<ulong>(1, pinned: true);
    private readonly int wake = RingCalls.NewEvent();
    private readonly TaskCompletionSource<bool> opened = new();
    private readonly Thread thread;
    private RingQueue queue = null!;
    private int isAsleep;

    private Ring(int number)
    {
        thread = new Thread(Serve) { IsBackground = true, Name = $"ring {number}" };
        thread.Start();
    }

    /// <summary>Those of this process in turn; null where the kernel has none.</summary>
    public static Ring? Next() => All.Value is { Length: > 0 } rings ? rings[Interlocked.Increment(ref next) % (uint)rings.Length] : null;

    public override Wire Adopt(Socket connected)
    {
        Prepare(connected);
        using (connected)
        {
            return RingCalls.Duplicate((int)connected.Handle) is var descriptor and >= 0
                ? new RingWire(this, descriptor)
                : throw new SocketException((int)SocketError.TooManyOpenSockets);
        }
    }

    public override async Task<Wire> Connect(EndPoint to, CancellationToken cancel)
    {
        var wire = (RingWire)Adopt(New(to));
        try
        {
            using var abort = cancel.Register(wire.Reset);
            await wire.Connect(to.Serialize());
            cancel.ThrowIfCancellationRequested();
            return wire;
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            wire.Dispose();
            cancel.ThrowIfCancellationRequested();
            throw;
        }
    }

    /// <summary>Asks the kernel for something; from any thread.</summary>
    public void Ask(RingOp op) => Do(op, cancels: false);

    /// <summary>Takes back what is under way, if it still is; from any thread.</summary>
    public void Cancel(RingOp op) => Do(op, cancels: true);

    private void Do(RingOp op, bool cancels)
    {
        if (Thread.CurrentThread == thread)
        {
            // INVARIANT: nothing is taken back before it was asked for, whoever asked: what waits to be asked goes first
            SubmitIncoming();
            Submit(op, cancels);
            return;
        }
        incoming.Enqueue((op, cancels));
        if (Interlocked.Exchange(ref isAsleep, 0) == 1)
        {
            RingCalls.Wake(wake);
        }
    }

    private static Ring[] Open()
    {
        // as many as half the processors: the database that the agent stands beside has work of its own
        var rings = new List<Ring>();
        for (var i = 0; i < Math.Max(1, Environment.ProcessorCount / 2); i++)
        {
            var ring = new Ring(i);
#pragma warning disable VSTHRD002 // its thread says so at once
            if (!ring.opened.Task.GetAwaiter().GetResult())
#pragma warning restore VSTHRD002
            {
                return [];
            }
            rings.Add(ring);
        }
        return [.. rings];
    }

    private void Serve()
    {
        if (RingQueue.Open() is not { } own)
        {
            opened.SetResult(false);
            return;
        }
        queue = own;
        opened.SetResult(true);
        AwaitWaking();
        while (true)
        {
            SubmitIncoming();
            Interlocked.Exchange(ref isAsleep, 1);
            // INVARIANT: whoever enqueues after this look sees that we sleep, and wakes us
            queue.Submit(incoming.IsEmpty && !queue.HasCompletions ? 1u : 0u);
            Volatile.Write(ref isAsleep, 0);
            while (queue.TryTake(out var completion))
            {
                Complete(completion);
            }
        }
    }

    private void SubmitIncoming()
    {
        while (incoming.TryDequeue(out var work))
        {
            Submit(work.Op, work.Cancels);
        }
    }

    private void Submit(RingOp op, bool cancels)
    {
        if (cancels)
        {
            if (op.IsUnderWay)
            {
                ref var taken = ref queue.Next();
                (taken.Operation, taken.File, taken.Address, taken.Token) = (RingCalls.AsyncCancel, -1, op.Token, NoMatter);
            }
        }
        else if (op.MayBegin())
        {
            op.Fill(ref queue.Next());
        }
        else
        {
            op.Complete(-RingCalls.ECANCELED, 0);
        }
    }

    private void Complete(in RingCalls.Completion completion)
    {
        if (completion.Token == Woken)
        {
            AwaitWaking();
        }
        else if (completion.Token != NoMatter)
        {
            ((RingOp)GCHandle.FromIntPtr((nint)completion.Token).Target!).Complete(completion.Result, completion.Flags);
        }
    }

    private unsafe void AwaitWaking()
    {
        ref var read = ref queue.Next();
        (read.Operation, read.File, read.Length, read.Token) = (RingCalls.Read, wake, sizeof(ulong), Woken);
        fixed (ulong* pinned = wakings)
        {
            read.Address = (ulong)pinned;
        }
    }
}
