#pragma warning disable CS9113
using AccessPlane.Contracts;
using Npgsql;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>The log: append with expected versions, read a stream, read all in a global order without holes.</summary>
public sealed class EventLog(NpgsqlDataSource database, TimeProvider clock)
{
    /// <summary>Appends to one or more streams in one transaction and one round trip, or to none.</summary>
    public Task<Appended> Append(Append append, CancellationToken cancel) => throw new NotSupportedException();

    public Task<IReadOnlyList<Stored>> ReadStream(Guid stream, CancellationToken cancel) => throw new NotSupportedException();

    /// <summary>Events after a position in global order, never past one whose neighbours may still commit.</summary>
    /// <param name="types">Stored names; null for all.</param>
    public Task<IReadOnlyList<Stored>> ReadAll(long after, IReadOnlyCollection<string>? types, int limit, CancellationToken cancel) => throw new NotSupportedException();

    /// <summary>The position up to which the global order is settled.</summary>
    public Task<long> Head(CancellationToken cancel) => throw new NotSupportedException();
}

/// <param name="Command">The command's id: appending twice under one id changes nothing the second time.</param>
public sealed record Append(IReadOnlyList<StreamAppend> Streams, EventContext Context, Guid? Command = null);

/// <param name="Type">request, grant, session, policy, agent, resource, lock.</param>
/// <param name="ExpectedVersion">0 for a stream that must not exist yet.</param>
public sealed record StreamAppend(Guid Stream, string Type, long ExpectedVersion, IReadOnlyList<IEvent> Events);

public abstract record Appended
{
    private Appended() { }

    /// <param name="Position">The global position of the last event appended.</param>
    public sealed record Done(long Position) : Appended;

    /// <summary>The command's id was seen before; this is where its events ended.</summary>
    public sealed record Repeated(long Position) : Appended;

    public sealed record Conflict(Guid Stream, long ActualVersion) : Appended;
}
