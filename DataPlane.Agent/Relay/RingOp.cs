using System.Buffers;
using System.Runtime.InteropServices;
using System.Threading.Tasks.Sources;

namespace AccessPlane.Agent.Relay;

/// <summary>Something that a wire asks of its ring, one at a time and again and again, without allocating.</summary>
internal sealed unsafe class RingOp : IValueTaskSource<int>
{
    private readonly RingWire wire;
    private readonly GCHandle self;
    private ManualResetValueTaskSourceCore<int> core;
    private RingCalls.Submission submission;
    private MemoryHandle pinned;

    public RingOp(RingWire wire)
    {
        this.wire = wire;
        self = GCHandle.Alloc(this);
    }

    /// <summary>What the kernel calls it by.</summary>
    public ulong Token => (ulong)GCHandle.ToIntPtr(self);

    /// <summary>With the kernel. Known to the ring's thread alone.</summary>
    public bool IsUnderWay { get; private set; }

    /// <summary>Of the last receive: the kernel has more.</summary>
    public bool HasMore { get; private set; }

    /// <summary>The wire has a user more from here until it is complete.</summary>
    /// <param name="offset">Of a connect: how long the address is.</param>
    public ValueTask<int> Begin(byte operation, ReadOnlyMemory<byte> bytes, uint flags = 0, ushort priority = 0, ulong offset = 0)
    {
        wire.Enter();
        core.Reset();
        pinned = bytes.Pin();
        submission = new RingCalls.Submission
        {
            Operation = operation,
            Priority = priority,
            File = wire.Descriptor,
            Offset = offset,
            Address = (ulong)pinned.Pointer,
            Length = (uint)bytes.Length,
            OperationFlags = flags,
            Token = Token,
        };
        if (operation == RingCalls.Connect)
        {
            submission.Length = 0;
        }
        var version = core.Version;
        wire.Ring.Ask(this);
        return new ValueTask<int>(this, version);
    }

    /// <summary>False where the wire was closed since.</summary>
    public bool MayBegin() => !wire.IsClosed;

    public void Fill(ref RingCalls.Submission into)
    {
        IsUnderWay = true;
        into = submission;
    }

    /// <summary>Whoever waited goes on within this call.</summary>
    public void Complete(int result, uint flags)
    {
        IsUnderWay = false;
        HasMore = (flags & RingCalls.HasMore) != 0;
        pinned.Dispose();
        wire.Leave();
        core.SetResult(result);
    }

    /// <summary>Once no operation can come any more.</summary>
    public void Free() => self.Free();

    public int GetResult(short token)
    {
        var result = core.GetResult(token);
        return result >= 0 ? result : throw RingWire.Failure(-result);
    }

    public ValueTaskSourceStatus GetStatus(short token) => core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        core.OnCompleted(continuation, state, token, flags);
}
