using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace AccessPlane.Agent.Relay;

/// <summary>
/// One direction of a relay: receives a batch, has it judged until it is used up, and sends what passes in one go. The wait for the send is the
/// back-pressure. Nothing is allocated per message.
/// </summary>
internal abstract class Pump(Wire from, Wire to, Conversation conversation, Cut cut) : IDisposable
{
    /// <summary>Batches that a side may have ready, one behind the other, before the thread is given back: others' bytes wait for it.</summary>
    private const int MostUnbroken = 16;

    private readonly Outgoing outgoing = new();
    private int consumed;
    private int unbroken;
    private volatile bool sending;
    private int sends;

    public Intake Intake { get; } = new(from);

    /// <summary>Whether a send is under way; a long one means that the other side does not read.</summary>
    public bool IsSending => sending;

    /// <summary>Sends begun so far.</summary>
    public int Sends => Volatile.Read(ref sends);

    /// <summary>The source did not end in good order.</summary>
    protected bool SourceBroke { get; private set; }

    protected Conversation Conversation { get; } = conversation;

    /// <summary>Called under the guard.</summary>
    protected abstract Verdict Judge(ReadOnlySpan<byte> pending);

    /// <summary>Before a send: the record of what is sent must be kept first. False where it cannot be.</summary>
    protected virtual ValueTask<bool> Kept() => new(true);

    /// <summary>Before a send: others may write to the same side.</summary>
    protected virtual ValueTask TakeTurn() => default;

    /// <summary>What comes once a batch has been passed on.</summary>
    /// <returns>Whether the rest of the batch is to be judged again at once.</returns>
    protected abstract ValueTask<bool> Passed(Verdict last);

    /// <summary>Runs until something else than a lack of bytes stops it.</summary>
    protected async Task<PumpStop> Run()
    {
        while (true)
        {
            var (stop, need) = await PassBatch();
            if (stop != PumpStop.Hungry)
            {
                return stop;
            }
            if (cut.IsMade)
            {
                return PumpStop.Cut; // made during the last send: whoever made it waits to hear that this was the last
            }
            if (!await Receive(need))
            {
                return PumpStop.SourceEnded;
            }
        }
    }

    /// <returns>False when the source has ended, in good order or not.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    protected async ValueTask<bool> Receive(int need)
    {
        try
        {
            var receiving = Intake.Receive(need);
            unbroken = receiving.IsCompleted ? unbroken + 1 : 0;
            if (unbroken == MostUnbroken)
            {
                unbroken = 0;
                await Task.Yield();
            }
            return await receiving;
        }
        catch (Exception gone) when (gone is SocketException or IOException or ObjectDisposedException)
        {
            SourceBroke = true;
            return false;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<(PumpStop Stop, int Need)> PassBatch()
    {
        while (true)
        {
            if (!Conversation.MayForward && !await Conversation.Thawed())
            {
                return (PumpStop.Cut, 0); // the session ended while it was frozen: nothing more is judged
            }
            var verdict = JudgeBatch();
            if (await Pass() is { } stopped)
            {
                return (stopped, 0);
            }
            if (verdict.Act == Act.More)
            {
                await Passed(verdict);
                return (PumpStop.Hungry, verdict.Bytes);
            }
            if (!await Passed(verdict))
            {
                return (verdict.Act == Act.Kill ? PumpStop.Killed : PumpStop.Left, 0);
            }
        }
    }

    private Verdict JudgeBatch()
    {
        var batch = Intake.Pending.Span;
        outgoing.Begin();
        consumed = 0;
        while (true)
        {
            Verdict verdict;
            lock (Conversation.Guard)
            {
                verdict = cut.IsMade ? Verdict.Leave(0) : Judge(batch[consumed..]);
            }
            switch (verdict.Act)
            {
                case Act.Forward:
                    outgoing.Pass(verdict.Bytes);
                    break;
                case Act.Rewrite:
                    outgoing.Rewrite(batch, verdict.Bytes, verdict.Replacement.Span);
                    break;
                case Act.Leave:
                    outgoing.Pass(verdict.Bytes);
                    consumed += verdict.Bytes;
                    return verdict;
                default:
                    return verdict;
            }
            consumed += verdict.Bytes;
        }
    }

    /// <returns>Null when what may pass has passed.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<PumpStop?> Pass()
    {
        var bytes = outgoing.Bytes(Intake.Pending);
        if (bytes.Length > 0)
        {
            do
            {
                // whatever was waited for, it may be frozen again behind it: that is no end
                if ((!Conversation.MayForward && !await Conversation.Thawed()) || !await Kept() || cut.IsMade)
                {
                    Done();
                    return PumpStop.Cut;
                }
                await TakeTurn();
            }
            while (!Begins());
            try
            {
                await to.Send(bytes);
            }
            catch (Exception gone) when (gone is SocketException or IOException or ObjectDisposedException)
            {
                Done();
                return PumpStop.TargetGone;
            }
            sending = false;
        }
        Done();
        return null;
    }

    /// <summary>INVARIANT: whoever made the cut sees a send that began before it; none begins after it, and none runs into the farewell.</summary>
    private bool Begins()
    {
        lock (Conversation.Guard)
        {
            sends++;
            return sending = !cut.IsMade && Conversation.MayForward;
        }
    }

    private void Done()
    {
        Intake.Consume(consumed);
        outgoing.Dispose();
    }

    public void Dispose()
    {
        Intake.Dispose();
        outgoing.Dispose();
    }
}

internal enum PumpStop
{
    /// <summary>More bytes are needed.</summary>
    Hungry,
    SourceEnded,
    TargetGone,
    Left,
    Killed,
    Cut,
}

/// <summary>Made once: from then on nothing passes in either direction.</summary>
internal sealed class Cut
{
    private volatile bool made;

    public bool IsMade => made;
    public void Make() => made = true;
}
