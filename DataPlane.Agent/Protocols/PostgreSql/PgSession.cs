using System.Buffers.Binary;
using AccessPlane.Agent.Gate;
using AccessPlane.Agent.Protocols.PostgreSql.Masking;
using AccessPlane.Agent.Recording;
using AccessPlane.Agent.Relay;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>A client and a backend, from the greeting to the end. Judges by the permit, records by the recorder.</summary>
internal sealed class PgSession : IPgOversight, IDisposable
{
    private readonly PgDoor door;
    private readonly PgChannel client;
    private readonly PgBackend backend;
    private readonly Permit permit;
    private readonly PgDatabase database;
    private readonly SessionRecorder recorder;
    private readonly PgConversation conversation;
    private readonly Relay.Relay relay;
    private readonly PgCancels cancels;
    private readonly TaskCompletionSource over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string remote;
    private readonly long opened;
    private readonly UnreadSend unread;
    private long? halfClosed;
    private volatile string? stopped;
    private volatile Task cancelling = Task.CompletedTask;

    public PgSession(PgDoor door, PgChannel client, PgBackend backend, PgDatabase database, (PgViews? Views, MaskHelp? Help) sees, SessionRecorder recorder, string remote)
    {
        this.door = door;
        this.client = client;
        this.backend = backend;
        this.recorder = recorder;
        this.remote = remote;
        this.database = database;
        opened = door.Time.GetTimestamp();
        unread = new UnreadSend(door.Time);
        permit = backend.Permit;
        var state = new PgState(permit.Session, this, database, door.Time, sees.Views, sees.Help);
        conversation = new PgConversation(state, () => permit.MayForward, permit.Thawed, Kept);
        cancels = new PgCancels(
            conversation.Guard, () => PgEnding.CancelStatement(door, backend), () => conversation.IsQuiet ? null : state.QuietSince);
        relay = new Relay.Relay(client.Wire, backend.Channel.Wire, conversation);
    }

    public PgKey Key { get; } = PgVisit.NewKey();

    public async Task Run()
    {
        door.Opened(this);
        EndUnlessAt(database.Cluster); // whoever noticed before did not see this session
        PgLog.Opened(door.Log, permit.Session, remote, permit.Grant.Grant);
        using var ended = permit.Ended.Register(relay.Cut);
        var end = RelayEnd.ClientVanished;
        try
        {
            await client.Send(Greeting());
            relay.Preload(client.HandOver().Span, backend.Channel.HandOver().Span);
            end = await relay.Run();
        }
        catch (Exception gone) when (gone is System.Net.Sockets.SocketException or IOException or ObjectDisposedException)
        {
            end = RelayEnd.ClientVanished; // it did not wait for the greeting
        }
        finally
        {
            await new PgEnding(door, client.Wire, backend, conversation, relay, recorder).Run(end, stopped);
            door.Closed(this);
            over.TrySetResult();
        }
    }

    /// <summary>Ends the session for a reason that lies with the agent itself.</summary>
    public Task Stop(string why)
    {
        stopped = why;
        relay.Cut();
        return over.Task;
    }

    /// <summary>The agent knows another database from here on.</summary>
    public void EndUnlessAt(PgCluster? known)
    {
        if (PgCluster.AreStrangers(backend.Cluster, known))
        {
            permit.EndBy("upstream", PgCluster.Exchanged);
        }
    }

    /// <summary>A CancelRequest came for this session: it is recorded and passed on where something runs.</summary>
    public void CancelStatement()
    {
        lock (conversation.Guard)
        {
            var tookBack = conversation.State.Holds.Current?.Cancel() == true;
            if (tookBack || (permit.MayForward && cancels.Ask()))
            {
                recorder.Fact("cancel", null);
            }
        }
        relay.Wake();
    }

    public Ruling Judge(StatementFacts facts, bool inTransaction) => permit.Judge(facts, inTransaction);

    public SessionLimits Limits => permit.Limits;

    public byte[] MaskKey => door.MaskKey;

    public void StopStatement() => cancelling = Task.WhenAll(cancelling, PgEnding.CancelStatement(door, backend));

    /// <summary>A cancel of the agent's own that comes late would hit whatever runs by then: nothing more is sent before the server has taken it.</summary>
    private ValueTask<bool> Kept() => cancelling.IsCompleted ? recorder.Kept() : KeptBehind(cancelling);

    private async ValueTask<bool> KeptBehind(Task cancel)
    {
        await cancel;
        return await recorder.Kept();
    }

    /// <summary>A look now and then at how long things take. Costs nothing where no limit is set.</summary>
    public void Look()
    {
        LookWhetherItReads();
        LookWhetherItIsThere();
        string? over;
        lock (conversation.Guard)
        {
            over = conversation.State.Results.Look(permit.Limits, opened);
        }
        if (over is not null)
        {
            permit.EndBy("limit", $"{over}: connect again");
        }
    }

    /// <summary>
    /// A client that closed its side while the server works has said all there is to say, or is gone: the server does not look before it writes, and
    /// its statement and locks would go on for nobody. What is done soon is still sent.
    /// </summary>
    private void LookWhetherItIsThere()
    {
        lock (conversation.Guard)
        {
            if (conversation.IsQuiet)
            {
                return; // the relay reads the end by itself
            }
        }
        switch (client.Wire.Presence)
        {
            case Presence.Here:
                halfClosed = null;
                return;
            case Presence.Ended when door.Time.GetElapsedTime(halfClosed ??= door.Time.GetTimestamp()) < door.Bounds.HalfClosedAtMost:
                return;
            default:
                relay.ClientVanished();
                return;
        }
    }

    /// <summary>A client that reads nothing holds a backend, its snapshot and its locks.</summary>
    private void LookWhetherItReads()
    {
        var most = door.Bounds.UnreadAtMost;
        if (unread.Look(relay.ClientIsBlocked, relay.SendsToClient) > most && permit.End is null)
        {
            lock (conversation.Guard)
            {
                recorder.Fact("limit", $"the client left unread for {PgResults.Shown(most)} what it was sent");
            }
            permit.EndBy("limit", $"what was sent was left unread for {PgResults.Shown(most)}, which is all that this agent allows: connect again");
        }
    }

    public long Statement(string protocol, ReadOnlySpan<byte> text, in BoundParameters parameters, StatementFacts facts, Ruling ruling) =>
        recorder.Statement(protocol, text, parameters, facts, ruling);

    public bool Rows(long op, in SeenRows rows) => recorder.Rows(op, rows);

    public void Result(long op, in OperationResult result) => recorder.Result(op, result);

    public void Fact(string kind, string? note) => recorder.Fact(kind, note);

    public string Identity => $"{backend.User}\n{permit.Database}";

    public void Park(PgHold hold)
    {
        hold.ExpiresAt = door.Gate.Holds.Until(hold.Patience);
        recorder.Held(hold.Op, hold.Id, hold.ExpiresAt);
        _ = Task.Run(() => Watch(hold));
    }

    public void Settled(PgHold hold) => recorder.HoldEnded(hold.Op, hold.Id, hold.Outcome switch
    {
        HoldOutcome.Released => "released",
        HoldOutcome.Refused => "refused",
        HoldOutcome.Lapsed => "lapsed",
        _ => "abandoned",
    }, hold.By, hold.Why, mustBeKept: hold.Outcome == HoldOutcome.Released);

    public void Detected(long op, string rule, Detector detector, string column, int count) =>
        recorder.Detected(op, rule, System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(detector.ToString()), column, count);

    public void Dispose() => relay.Dispose();

    private async Task Watch(PgHold hold)
    {
        try
        {
            await new PgHoldWatch(door, permit, backend.User, remote, hold, conversation.Guard, relay).Run();
        }
        catch (Exception unforeseen)
        {
            PgLog.NotWatched(door.Log, permit.Session, unforeseen);
            relay.Cut(); // INVARIANT: nothing waits that nobody watches
        }
    }

    private byte[] Greeting()
    {
        var key = new byte[8];
        BinaryPrimitives.WriteInt32BigEndian(key, Key.Pid);
        BinaryPrimitives.WriteInt32BigEndian(key.AsSpan(4), Key.Secret);
        return [.. backend.Greeting, .. PgFrame.Of('K', key), .. PgFrame.Of('Z', "I"u8)];
    }
}
