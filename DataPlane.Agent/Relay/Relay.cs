namespace AccessPlane.Agent.Relay;

/// <summary>What ended a relay.</summary>
internal enum RelayEnd
{
    /// <summary>The client said goodbye, and the server was told.</summary>
    Client,

    /// <summary>The client is gone, or stopped in the middle of something.</summary>
    ClientVanished,
    Server,

    /// <summary>One side broke the protocol.</summary>
    Killed,
    Cut,
}

/// <summary>Two pumps between a client and a server, and a conversation that says what passes. Knows no protocol.</summary>
internal sealed class Relay : IDisposable
{
    private readonly Cut cut = new();
    private readonly Signal serverCameFurther = new();
    private readonly Turn turn;
    private readonly ClientPump fromClient;
    private readonly ServerPump fromServer;
    private readonly Conversation conversation;
    private readonly TaskCompletionSource<RelayEnd> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Relay(Wire client, Wire server, Conversation conversation)
    {
        this.conversation = conversation;
        turn = new Turn(client, cut, conversation.Guard);
        fromClient = new ClientPump(client, server, conversation, cut, serverCameFurther);
        fromServer = new ServerPump(server, client, conversation, cut, serverCameFurther, () => fromClient.IsSending, turn);
    }

    /// <summary>Completes when the server has answered everything, or says no more.</summary>
    public Task ServerQuiet => fromServer.Quiet;

    /// <summary>Whether a send to the client is stuck: no farewell can be written then.</summary>
    public bool ClientIsBlocked => fromServer.IsSending || turn.IsSpeaking;

    /// <summary>After the cut: completes when no send to the client is under way any more.</summary>
    public Task ClientFree => Task.WhenAll(fromServer.IsSending ? fromServer.Forwarded : Task.CompletedTask, turn.Spoken);

    /// <summary>Sends to the client begun so far: while this stands still and the client is blocked, it is one and the same send.</summary>
    public int SendsToClient => fromServer.Sends;

    /// <summary>Whether a send to the server is stuck.</summary>
    public bool ServerIsBlocked => fromClient.IsSending;

    /// <summary>Completes when neither pump touches its wires any more: after both were closed.</summary>
    public Task Stopped { get; private set; } = Task.CompletedTask;

    /// <summary>Before it begins: what came from either side already.</summary>
    public void Preload(ReadOnlySpan<byte> ofClient, ReadOnlySpan<byte> ofServer)
    {
        fromClient.Intake.Preload(ofClient);
        fromServer.Intake.Preload(ofServer);
    }

    public async Task<RelayEnd> Run()
    {
        var server = fromServer.Run(end => ended.TrySetResult(end == RelayEnd.Server && fromClient.HasLeft ? RelayEnd.Client : end));
        var client = fromClient.Run();
        Stopped = Task.WhenAll(client, server).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        _ = client.ContinueWith(
            done => ended.TrySetResult(done.IsCompletedSuccessfully ? done.GetAwaiter().GetResult() : RelayEnd.ClientVanished),
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        _ = server.ContinueWith(
            _ => ended.TrySetResult(RelayEnd.Server), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return await ended.Task;
    }

    /// <summary>A word of the agent's own for the client, between two messages of the server. Returns at once.</summary>
    public void Say(byte[] word) => turn.Say(word);

    /// <summary>What was parked has been decided about.</summary>
    public void Wake() => serverCameFurther.Set();

    /// <summary>The client is gone, as somebody else has seen.</summary>
    public void ClientVanished() => ended.TrySetResult(RelayEnd.ClientVanished);

    /// <summary>From here on no byte passes in either direction; what the server still says is read and dropped.</summary>
    public void Cut()
    {
        lock (conversation.Guard)
        {
            cut.Make();
        }
        ended.TrySetResult(RelayEnd.Cut);
        serverCameFurther.Set();
    }

    public void Dispose()
    {
        fromClient.Dispose();
        fromServer.Dispose();
    }
}
