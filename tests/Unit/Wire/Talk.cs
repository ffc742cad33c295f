using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Agent.Relay;
using AccessPlane.Contracts.Sql;
using Xunit;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>
/// A conversation without sockets: bytes go in on both sides, and what would be sent lies here. It asks for verdicts as the relay's pumps do, and
/// holds every verdict to its word: it moves forward, within what there is, and asks for more than there is only in bounds.
/// </summary>
internal sealed class Talk
{
    /// <summary>More than this must never have to be held of one side: two texts of the greatest length, side by side.</summary>
    private const int MostHeld = 3 * 1024 * 1024;

    private static readonly PgParser Parser = new(TimeProvider.System);
    private static readonly PgDatabase Database = new(new PgKnowledge(AccessPlane.Contracts.Sql.PgCatalog.Unknown, Parser));
    private readonly List<byte> fromClient = [];
    private readonly List<byte> fromServer = [];

    public Talk(params string[] denied)
        : this(Database, new Witness(denied), TimeProvider.System)
    {
    }

    public Talk(TimeProvider clock, params string[] denied)
        : this(new Witness(denied), clock)
    {
    }

    public Talk(Witness witness, TimeProvider? clock = null)
        : this(Database, witness, clock ?? TimeProvider.System)
    {
    }

    public Talk(PgCatalog catalog, params string[] denied)
        : this(new PgDatabase(new PgKnowledge(catalog, Parser)), new Witness(denied), TimeProvider.System)
    {
    }

    public Talk(PgCatalog catalog, Witness witness)
        : this(new PgDatabase(new PgKnowledge(catalog, Parser)), witness, TimeProvider.System)
    {
    }

    private Talk(PgDatabase database, Witness witness, TimeProvider clock)
    {
        Witness = witness;
        State = new PgState(Guid.Empty, Witness, database, clock);
        Conversation = new PgConversation(State, () => true, () => new(true), () => new(true));
    }

    public Witness Witness { get; }
    public PgState State { get; }
    public PgConversation Conversation { get; }
    public List<byte> ToServer { get; } = [];
    public List<byte> ToClient { get; } = [];

    /// <summary>One side broke the protocol: nothing passes any more.</summary>
    public bool IsOver { get; private set; }

    public bool HasLeft { get; private set; }

    /// <summary>Bytes of the client that wait.</summary>
    public int Waiting => fromClient.Count;

    public Talk Client(params ReadOnlySpan<byte[]> messages)
    {
        foreach (var message in messages)
        {
            fromClient.AddRange(message);
        }
        Pump();
        return this;
    }

    public Talk Server(params ReadOnlySpan<byte[]> messages)
    {
        foreach (var message in messages)
        {
            fromServer.AddRange(message);
        }
        Pump();
        return this;
    }

    /// <summary>Something was said to what is parked: the client's bytes are looked at again.</summary>
    public Talk Wake()
    {
        Pump();
        return this;
    }

    /// <summary>What went to the server since the last time.</summary>
    public byte[] TakeForServer() => Take(ToServer);

    /// <summary>What went to the client since the last time.</summary>
    public byte[] TakeForClient() => Take(ToClient);

    private static byte[] Take(List<byte> bytes)
    {
        var taken = bytes.ToArray();
        bytes.Clear();
        return taken;
    }

    private void Pump()
    {
        bool moved;
        do
        {
            moved = Judge(fromClient, ToServer, isClient: true);
            moved |= Judge(fromServer, ToClient, isClient: false);
            ToServer.AddRange(Conversation.TakeReply().Span);
        }
        while (moved && !IsOver);
    }

    /// <returns>Whether anything passed.</returns>
    private bool Judge(List<byte> pending, List<byte> to, bool isClient)
    {
        var moved = false;
        var prepared = false;
        while (!IsOver && !(isClient && HasLeft))
        {
            var bytes = pending.ToArray();
            var verdict = isClient ? Conversation.FromClient(bytes) : Conversation.FromServer(bytes);
            switch (verdict.Act)
            {
                case Act.Forward or Act.Rewrite or Act.Leave:
                    Assert.InRange(verdict.Bytes, verdict.Replacement.Length > 0 ? 0 : 1, bytes.Length);
                    to.AddRange(verdict.Act == Act.Rewrite ? verdict.Replacement.Span : bytes.AsSpan(0, verdict.Bytes));
                    pending.RemoveRange(0, verdict.Bytes);
                    HasLeft |= verdict.Act == Act.Leave;
                    (moved, prepared) = (true, false);
                    break;
                case Act.More:
                    Assert.InRange(verdict.Bytes, bytes.Length + 1, MostHeld);
                    return moved;
                case Act.Hold:
                    Assert.True(isClient && !Conversation.MayGoOn, "who is held waits for something");
                    return moved;
                case Act.Park:
                    Assert.True(isClient && Conversation.IsParked, "what is parked waits for a verdict");
                    return moved;
                case Act.Prepare:
                    Assert.True(isClient && !prepared, "what was read is known");
                    var reading = Conversation.Prepare(bytes).AsTask();
                    Assert.True(reading.IsCompletedSuccessfully, "small texts are read at once");
                    prepared = true;
                    break;
                default:
                    Assert.NotNull(State.Broken);
                    IsOver = true;
                    break;
            }
        }
        return moved;
    }
}
