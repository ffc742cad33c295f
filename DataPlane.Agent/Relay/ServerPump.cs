namespace AccessPlane.Agent.Relay;

/// <summary>Server to client. After the cut it goes on reading, because a server that waits for its reader does not hear that it shall stop.</summary>
internal sealed class ServerPump(
    Wire server, Wire client, Conversation conversation, Cut cut, Signal serverCameFurther, Func<bool> clientIsSending, Turn turn)
    : Pump(server, client, conversation, cut)
{
    private readonly Wire server = server;
    private readonly Cut cut = cut;
    private readonly TaskCompletionSource quiet = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource forwarded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when the server has answered everything, or says no more.</summary>
    public Task Quiet => quiet.Task;

    /// <summary>Completes when nothing is forwarded any more.</summary>
    public Task Forwarded => forwarded.Task;

    /// <param name="ended">Told what ended the forwarding; draining follows.</param>
    public async Task Run(Action<RelayEnd> ended)
    {
        var stop = await Run();
        forwarded.TrySetResult();
        ended(stop switch
        {
            PumpStop.SourceEnded => RelayEnd.Server,
            PumpStop.TargetGone => RelayEnd.ClientVanished,
            PumpStop.Killed => RelayEnd.Killed,
            _ => RelayEnd.Cut,
        });
        if (stop != PumpStop.SourceEnded)
        {
            await Drain();
        }
        quiet.TrySetResult();
    }

    protected override Verdict Judge(ReadOnlySpan<byte> pending) => Conversation.FromServer(pending);

    protected override ValueTask TakeTurn() => turn.Take();

    protected override ValueTask<bool> Passed(Verdict last)
    {
        Conversation.Delivered();
        if (Conversation.ClientIsBetweenMessages)
        {
            turn.Give();
        }
        ReadOnlyMemory<byte> reply;
        lock (Conversation.Guard)
        {
            reply = Conversation.TakeReply();
        }
        if (reply.Length > 0)
        {
            return Reply(reply);
        }
        serverCameFurther.Set();
        return ValueTask.FromResult(false);
    }

    /// <summary>The agent's own word to the server, while the client's must wait for its answer.</summary>
    private async ValueTask<bool> Reply(ReadOnlyMemory<byte> reply)
    {
        while (clientIsSending())
        {
            await Task.Yield(); // the server has answered what was sent: the call that sent it is about to return
        }
        while (!cut.IsMade)
        {
            if ((!Conversation.MayForward && !await Conversation.Thawed()) || !await Conversation.Kept())
            {
                break;
            }
            if (!cut.IsMade && Conversation.MayForward)
            {
                await server.Send(reply);
                break;
            }
        }
        serverCameFurther.Set();
        return false;
    }

    private async Task Drain()
    {
        do
        {
            int read;
            lock (Conversation.Guard)
            {
                read = Conversation.Drained(Intake.Pending.Span);
                if (Conversation.IsQuiet)
                {
                    quiet.TrySetResult();
                }
            }
            Intake.Consume(read);
        }
        while (await Receive(0));
    }
}
