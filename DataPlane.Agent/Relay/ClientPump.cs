using System.Runtime.CompilerServices;

namespace AccessPlane.Agent.Relay;

/// <summary>Client to server. It alone may have to wait for the other direction, or for slow work.</summary>
internal sealed class ClientPump(Wire client, Wire server, Conversation conversation, Cut cut, Signal serverCameFurther)
    : Pump(client, server, conversation, cut)
{
    /// <summary>How much is read of a client whose message is parked.</summary>
    private const int MostAhead = 64 * 1024;

    private readonly Cut cut = cut;
    private readonly Wire server = server;
    private volatile bool hasLeft;
    private bool leftParked;

    /// <summary>The client has said goodbye. The server may close before this pump has seen its own send return: that is not the server's doing.</summary>
    public bool HasLeft => hasLeft;

    public new async Task<RelayEnd> Run()
    {
        var stop = await base.Run();
        return stop switch
        {
            PumpStop.SourceEnded => SourceBroke ? RelayEnd.ClientVanished : await SayFarewell(),
            PumpStop.Left => cut.IsMade ? RelayEnd.Cut : leftParked ? RelayEnd.ClientVanished : RelayEnd.Client,
            PumpStop.TargetGone => RelayEnd.Server,
            PumpStop.Killed => RelayEnd.Killed,
            _ => RelayEnd.Cut,
        };
    }

    protected override ValueTask<bool> Kept() => Conversation.Kept();

    protected override Verdict Judge(ReadOnlySpan<byte> pending)
    {
        var verdict = Conversation.FromClient(pending);
        hasLeft |= verdict.Act == Act.Leave;
        return verdict;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    protected override async ValueTask<bool> Passed(Verdict last)
    {
        switch (last.Act)
        {
            case Act.Hold:
                await ServerCameFurther();
                return true;
            case Act.Park:
                return await Parked();
            case Act.Prepare:
                await Conversation.Prepare(Intake.Pending);
                return true;
            default:
                return false;
        }
    }

    /// <summary>
    /// What the client wants next waits for others. Its bytes are read on meanwhile, up to a bound: a goodbye among them, or the end of the
    /// connection, takes back what waits.
    /// </summary>
    /// <returns>False when the client has left.</returns>
    private async Task<bool> Parked()
    {
        var bound = Intake.Pending.Length + MostAhead;
        var woken = serverCameFurther.Wait().AsTask();
        try
        {
            while (StillParked())
            {
                await (Intake.Pending.Length < bound ? Task.WhenAny(woken, Intake.Ahead()) : woken);
                if (woken.IsCompleted)
                {
                    woken = serverCameFurther.Wait().AsTask();
                }
                else if (!await Receive(0))
                {
                    leftParked = true;
                }
            }
        }
        finally
        {
            serverCameFurther.Set(); // the signal has one waiter: it must not be this one any more
            await woken;
        }
        return !leftParked;
    }

    private bool StillParked()
    {
        lock (Conversation.Guard)
        {
            if (cut.IsMade || !Conversation.IsParked)
            {
                return false;
            }
            leftParked |= Conversation.SaysGoodbye(Intake.Pending.Span);
            if (leftParked)
            {
                Conversation.LeftWhileParked();
            }
            return !leftParked;
        }
    }

    /// <summary>The client ended without a farewell: what it asked for is still done, as a server would do it, unless the session is told that it has
    /// taken too long.</summary>
    private async Task<RelayEnd> SayFarewell()
    {
        while (!cut.IsMade)
        {
            Verdict verdict;
            lock (Conversation.Guard)
            {
                verdict = Conversation.ClientEnded();
            }
            if (verdict.Act != Act.Hold)
            {
                if (verdict.Act == Act.Leave && !cut.IsMade && Conversation.MayForward)
                {
                    hasLeft = true;
                    await server.Send(verdict.Replacement);
                    return RelayEnd.Client;
                }
                return RelayEnd.ClientVanished;
            }
            await ServerCameFurther();
        }
        return RelayEnd.Cut;
    }

    private async ValueTask ServerCameFurther()
    {
        while (!cut.IsMade && !MayGoOn())
        {
            await serverCameFurther.Wait();
        }
    }

    private bool MayGoOn()
    {
        lock (Conversation.Guard)
        {
            return Conversation.MayGoOn;
        }
    }
}
