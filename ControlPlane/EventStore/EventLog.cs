using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Projections;
using Npgsql;
using NpgsqlTypes;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>The log: append with expected versions, read a stream, read all in a global order without holes.</summary>
public sealed class EventLog(NpgsqlDataSource database, TimeProvider clock, LogPulse pulse)
{
    private const string Conflict = "AP409";

    /// <summary>Appends to one or more streams in one transaction and one round trip, or to none.</summary>
    /// <exception cref="TextNotStorableException">An event holds text that cannot be kept.</exception>
    public async Task<Appended> Append(Append append, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(append);
        if (append.Streams.Count == 0 || append.Streams.Any(s => s.Events.Count == 0))
        {
            throw new ArgumentException("every stream of an append needs an event", nameof(append));
        }
        var now = clock.GetUtcNow();
        var events = append.Streams.SelectMany((s, i) => s.Events.Select(e => (Stream: i + 1, Event: e))).ToList();
        await using var command = database.CreateCommand(
            $"SELECT outcome, position FROM {Schema.Name}.ap_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)");
        Add(command, NpgsqlDbType.Array | NpgsqlDbType.Uuid, append.Streams.Select(s => s.Stream).ToArray());
        Add(command, NpgsqlDbType.Array | NpgsqlDbType.Text, append.Streams.Select(s => s.Type).ToArray());
        Add(command, NpgsqlDbType.Array | NpgsqlDbType.Bigint, append.Streams.Select(s => s.ExpectedVersion).ToArray());
        Add(command, NpgsqlDbType.Array | NpgsqlDbType.Integer, events.Select(e => e.Stream).ToArray());
        Add(command, NpgsqlDbType.Array | NpgsqlDbType.Uuid, events.Select(_ => Guid.CreateVersion7(now)).ToArray());
        Add(command, NpgsqlDbType.Array | NpgsqlDbType.Text, events.Select(e => EventNames.Of(e.Event)).ToArray());
        Add(command, NpgsqlDbType.Array | NpgsqlDbType.Text, events.Select(e => DotNetName(e.Event.GetType())).ToArray());
        Add(command, NpgsqlDbType.Array | NpgsqlDbType.Text, events.Select(e => StoredJson.DataOf(e.Event)).ToArray());
        Add(command, NpgsqlDbType.TimestampTz, now);
        Add(command, NpgsqlDbType.Text, append.Context.Correlation.ToString("D"));
        Add(command, NpgsqlDbType.Text, append.Context.Causation?.ToString("D"));
        Add(command, NpgsqlDbType.Text, StoredJson.HeadersOf(append.Context));
        Add(command, NpgsqlDbType.Uuid, append.Command);
        try
        {
            await using var reader = await command.ExecuteReaderAsync(cancel);
            await reader.ReadAsync(cancel);
            var position = reader.IsDBNull(1) ? 0 : reader.GetInt64(1);
            if (reader.GetString(0) == "repeated")
            {
                return new Appended.Repeated(position);
            }
            pulse.Beat();
            return new Appended.Done(position);
        }
        catch (PostgresException lost) when (lost.SqlState == Conflict)
        {
            var hint = lost.Hint!.Split(' ');
            return new Appended.Conflict(Guid.Parse(hint[0]), long.Parse(hint[1], System.Globalization.CultureInfo.InvariantCulture));
        }
        catch (PostgresException taken) when (taken is { SqlState: PostgresErrorCodes.UniqueViolation, TableName: "mt_events" })
        {
            // another hand wrote events without the streams' versions: a conflict all the same
            return await FindConflict(append, cancel);
        }
    }

    private static readonly string WithoutEntries =
        $"CASE WHEN type = '{EventNames.Of(typeof(TranscriptRecorded))}' THEN jsonb_set(data, '{{entries}}', '\"\"') ELSE data END";

    public Task<IReadOnlyList<Stored>> ReadStream(Guid stream, CancellationToken cancel) => ReadStream(stream, null, 0, null, "data", cancel);

    /// <param name="type">Of the stream; one of another type has no events for who asks so.</param>
    public Task<IReadOnlyList<Stored>> ReadStream(Guid stream, string type, CancellationToken cancel) => ReadStream(stream, type, 0, null, "data", cancel);

    /// <param name="after">The version after which to begin.</param>
    /// <param name="limit">How many events at most; null for all.</param>
    public Task<IReadOnlyList<Stored>> ReadStream(Guid stream, long after, int? limit, CancellationToken cancel) => ReadStream(stream, null, after, limit, "data", cancel);

    /// <summary>The same, with transcripts that say nothing: of a long session what they say is megabytes, and who asks for its state needs none of it.</summary>
    public Task<IReadOnlyList<Stored>> ReadStreamWithoutEntries(Guid stream, long after, CancellationToken cancel) => ReadStream(stream, null, after, null, WithoutEntries, cancel);

    private async Task<IReadOnlyList<Stored>> ReadStream(Guid stream, string? type, long after, int? limit, string data, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(
            $"SELECT seq_id, stream_id, version, id, timestamp, type, ({data})::text, headers::text, correlation_id, causation_id " +
            $"FROM {Schema.Name}.mt_events WHERE stream_id = $1 AND version > $2 " +
            $"AND ($3 IS NULL OR EXISTS (SELECT FROM {Schema.Name}.mt_streams WHERE id = $1 AND type = $3)) ORDER BY version LIMIT $4");
        Add(command, NpgsqlDbType.Uuid, stream);
        Add(command, NpgsqlDbType.Bigint, after);
        Add(command, NpgsqlDbType.Text, type);
        Add(command, NpgsqlDbType.Integer, limit);
        var events = new List<Stored>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            events.Add(Settled.EventAt(reader, 0));
        }
        return events;
    }

    /// <summary>Events after a position in global order, never past one whose neighbours may still commit. Fewer than <paramref name="limit"/>: there are no more.</summary>
    /// <param name="types">Stored names; null for all.</param>
    public async Task<IReadOnlyList<Stored>> ReadAll(long after, IReadOnlyCollection<string>? types, int limit, CancellationToken cancel)
    {
        var page = await ReadSettled(after, types, limit, cancel);
        var events = page.Events;
        while (page.More && events.Count < limit)
        {
            page = await ReadSettled(page.Position, types, limit - events.Count, cancel);
            events = [.. events, .. page.Events];
        }
        return events;
    }

    /// <summary>As <see cref="ReadAll"/>, a page of it that is bounded in bytes too.</summary>
    public async Task<Settled> ReadSettled(long after, IReadOnlyCollection<string>? types, int limit, CancellationToken cancel)
    {
        await using var command = database.CreateCommand($"SELECT * FROM {Schema.Name}.ap_read($1, $2, $3)");
        Add(command, NpgsqlDbType.Bigint, after);
        Add(command, NpgsqlDbType.Array | NpgsqlDbType.Text, types?.ToArray());
        Add(command, NpgsqlDbType.Integer, limit);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await Settled.Read(reader, cancel);
    }

    /// <summary>The position up to which the global order is settled.</summary>
    public Task<long> Head(CancellationToken cancel) => Scalar($"SELECT {Schema.Name}.ap_settled()", cancel);

    /// <summary>The last position that was drawn: everything appended before this call lies at or below it, settled or not.</summary>
    public Task<long> Drawn(CancellationToken cancel) => Scalar($"SELECT {Schema.Name}.ap_drawn()", cancel);

    /// <summary>The id of the event at a position, settled or not; null where there is none.</summary>
    public async Task<Guid?> MarkAt(long position, CancellationToken cancel)
    {
        await using var command = database.CreateCommand($"SELECT id FROM {Schema.Name}.mt_events WHERE seq_id = $1");
        Add(command, NpgsqlDbType.Bigint, position);
        return await command.ExecuteScalarAsync(cancel) as Guid?;
    }

    /// <summary>The position of the last event at or before one; 0 where there is none.</summary>
    public async Task<long> LastUpTo(long position, CancellationToken cancel)
    {
        await using var command = database.CreateCommand($"SELECT coalesce(max(seq_id), 0) FROM {Schema.Name}.mt_events WHERE seq_id <= $1");
        Add(command, NpgsqlDbType.Bigint, position);
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    /// <summary>Whether events were appended under a command's id.</summary>
    public async Task<bool> WasRun(Guid command, CancellationToken cancel)
    {
        await using var look = database.CreateCommand($"SELECT EXISTS (SELECT FROM {Schema.Name}.ap_commands WHERE id = $1)");
        Add(look, NpgsqlDbType.Uuid, command);
        return (bool)(await look.ExecuteScalarAsync(cancel))!;
    }

    /// <summary>The stream to which a command appended last; null where it was not run.</summary>
    public async Task<Guid?> StreamOf(Guid command, CancellationToken cancel)
    {
        await using var look = database.CreateCommand(
            $"SELECT e.stream_id FROM {Schema.Name}.ap_commands c JOIN {Schema.Name}.mt_events e ON e.seq_id = c.position WHERE c.id = $1");
        Add(look, NpgsqlDbType.Uuid, command);
        return await look.ExecuteScalarAsync(cancel) as Guid?;
    }

    private async Task<long> Scalar(string sql, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    private static void Add(NpgsqlCommand command, NpgsqlDbType type, object? value) =>
        command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = type, Value = value ?? DBNull.Value });

    private async Task<Appended> FindConflict(Append append, CancellationToken cancel)
    {
        foreach (var stream in append.Streams)
        {
            var events = await ReadStream(stream.Stream, stream.ExpectedVersion, null, cancel);
            if (events.Count > 0)
            {
                return new Appended.Conflict(stream.Stream, events[^1].Version);
            }
        }
        throw new InvalidOperationException("the log refuses an append to streams that are where it expects them");
    }

    /// <summary>For Marten, which finds types by it.</summary>
    private static string DotNetName(Type type) => $"{type.FullName}, {type.Assembly.GetName().Name}";
}

/// <param name="Command">The command's id: appending twice under one id changes nothing the second time.</param>
public sealed record Append(IReadOnlyList<StreamAppend> Streams, EventContext Context, Guid? Command = null);

/// <param name="Type">request, grant, session, policy, agent, resource, lock, hold.</param>
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
