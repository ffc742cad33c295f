using AccessPlane.Agent.Relay;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>What a session lets pass, as the relay asks it.</summary>
internal sealed class PgConversation : Conversation
{
    private static readonly byte[] Terminate = PgFrame.Of('X', []);

    private readonly PgClientSide client;
    private readonly PgServerSide server;
    private readonly Func<bool> mayForward;
    private readonly Func<ValueTask<bool>> thawed;
    private readonly Func<ValueTask<bool>> kept;
    private volatile bool delivered = true;

    public PgConversation(PgState state, Func<bool> mayForward, Func<ValueTask<bool>> thawed, Func<ValueTask<bool>> kept)
    {
        State = state;
        this.mayForward = mayForward;
        this.thawed = thawed;
        this.kept = kept;
        client = new PgClientSide(state);
        server = new PgServerSide(state);
    }

    public PgState State { get; }
    public override bool MayForward => mayForward();
    public override bool MayGoOn => !State.MustWait;
    public override bool IsParked => State.Holds.Current is { IsWaiting: true };

    public override void LeftWhileParked() => State.Holds.Abandon("the client", "its client left");

    public override bool SaysGoodbye(ReadOnlySpan<byte> pending)
    {
        while (pending.Length >= PgFrame.Header)
        {
            var length = PgFrame.LengthAt(pending);
            if (pending[0] == 'X' || length is < 4 or > PgFrame.MaxLength)
            {
                return pending[0] == 'X';
            }
            pending = pending[(int)Math.Min(pending.Length, length + 1L)..];
        }
        return false;
    }

    public override bool IsQuiet => State.Unanswered.Count == 0;

    public override bool ClientIsBetweenMessages => delivered;

    public override void Delivered() => delivered = server.IsBetweenMessages;

    public override ReadOnlyMemory<byte> TakeReply()
    {
        var reply = State.Reply;
        State.Reply = [];
        return reply;
    }

    public override ValueTask<bool> Thawed() => thawed();

    public override ValueTask<bool> Kept() => kept();

    public override Verdict FromClient(ReadOnlySpan<byte> pending) => client.Look(pending);

    public override Verdict FromServer(ReadOnlySpan<byte> pending) => server.Look(pending);

    /// <summary>Reads the text of the Query or Parse at the head, on the parser's own threads where it is not small.</summary>
    public override ValueTask Prepare(ReadOnlyMemory<byte> pending)
    {
        if (State.Pace.Until is { } pause)
        {
            State.Pace.Until = null;
            return new ValueTask(Task.Delay(pause, State.Clock));
        }
        return State.Sight.Prepare(TextIn(pending));
    }

    private static ReadOnlyMemory<byte> TextIn(ReadOnlyMemory<byte> pending)
    {
        if (pending.Span[0] is not ((byte)'Q' or (byte)'P'))
        {
            return default; // it names a text that was sent before
        }
        var body = pending[PgFrame.Header..(PgFrame.LengthAt(pending.Span) + 1)];
        var start = pending.Span[0] == 'P' ? body.Span.IndexOf((byte)0) + 1 : 0;
        var text = body[start..];
        return text[..text.Span.IndexOf((byte)0)];
    }

    /// <summary>What was asked for is still done and answered; then the server is told goodbye. In the middle of a copy or of a message there
    /// is no goodbye: its bytes would be taken for data.</summary>
    public override Verdict ClientEnded() =>
        State.CopyIn || !client.IsBetweenMessages ? Verdict.Kill : State.MustWait ? Verdict.Hold : new Verdict(Act.Leave, 0, Terminate);

    public override int Drained(ReadOnlySpan<byte> pending)
    {
        State.Operations.Seen.Stop();
        var read = 0;
        while (server.Look(pending[read..]) is var verdict)
        {
            switch (verdict.Act)
            {
                case Act.Forward or Act.Rewrite:
                    read += verdict.Bytes;
                    break;
                case Act.More:
                    return read;
                default:
                    return pending.Length; // what makes no sense is not kept until more of it comes
            }
        }
        return read;
    }
}
