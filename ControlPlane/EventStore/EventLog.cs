using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
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
        var now = clock.GetUtcNow();
        var events = append.Streams.SelectMany((s, i) => s.Events.Select(e => (Stream: i + 1, Event: e))).ToList();
        await using var command = database.CreateCommand(
            $"SELECT outcome, position FROM {Schema.Name}.ap_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)");
        Add(command, NpgsqlDbType.Array | NpgsqlDbType.Uuid, append.Streams.Select(s => s.Stream).ToArray());
        Add(command, NpgsqlDbType.Array | NpgsqlDbType.Text, append.Streams.Select(s => s.Type).ToArray());
        Add(command, NpgsqlDbType.Array | NpgsqlDbType.Bigint, append.Streams.Select(s => s.ExpectedVersion).ToArray());
        Add(command, NpgsqlDbType.Array | NpgsqlDbType.Integer, events.Select(e => e.Stream).ToArray());
        Add(command, NpgsqlDbType.Array | NpgsqlDbType.Uuid, events.Select(_ => Guid.CreateVersion7(now)).ToArray());
        Add(command, NpgsqlDbType.Array | NpgsqlDbType.Text, events.Select(e => EventNames.Of(e.Event)).ToArray());
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
    }

    public Task<IReadOnlyList<Stored>> ReadStream(Guid stream, CancellationToken cancel) => ReadStream(stream, 0, cancel);

    /// <param name="after">The version after which to begin.</param>
    public async Task<IReadOnlyList<Stored>> ReadStream(Guid stream, long after, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(
            "SELECT NULL::bigint, seq_id, stream_id, version, id, timestamp, type, data::text, headers::text, correlation_id, causation_id " +
            $"FROM {Schema.Name}.mt_events WHERE stream_id = $1 AND version > $2 ORDER BY version");
        Add(command, NpgsqlDbType.Uuid, stream);
        Add(command, NpgsqlDbType.Bigint, after);
        var events = new List<Stored>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            events.Add(Read(reader));
        }
        return events;
    }

    /// <summary>Events after a position in global order, never past one whose neighbours may still commit.</summary>
    /// <param name="types">Stored names; null for all.</param>
    public async Task<IReadOnlyList<Stored>> ReadAll(long after, IReadOnlyCollection<string>? types, int limit, CancellationToken cancel) =>
        (await ReadSettled(after, types, limit, cancel)).Events;

    /// <summary>As <see cref="ReadAll"/>, with the position up to which that reading was complete: where fewer than <paramref name="limit"/> events came,
    /// there are none of these types between the last of them and there.</summary>
    public async Task<Settled> ReadSettled(long after, IReadOnlyCollection<string>? types, int limit, CancellationToken cancel)
    {
        await using var command = database.CreateCommand($"SELECT * FROM {Schema.Name}.ap_read($1, $2, $3)");
        Add(command, NpgsqlDbType.Bigint, after);
        Add(command, NpgsqlDbType.Array | NpgsqlDbType.Text, types?.ToArray());
        Add(command, NpgsqlDbType.Integer, limit);
        var events = new List<Stored>();
        long settled = 0;
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            settled = reader.GetInt64(0);
            if (!reader.IsDBNull(1))
            {
                events.Add(Read(reader));
            }
        }
        return new Settled(events, settled);
    }

    /// <summary>The position up to which the global order is settled.</summary>
    public Task<long> Head(CancellationToken cancel) => Scalar($"SELECT {Schema.Name}.ap_settled()", cancel);

    /// <summary>The last position that was drawn: everything appended before this call lies at or below it, settled or not.</summary>
    public Task<long> Drawn(CancellationToken cancel) =>
        Scalar($"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {Schema.Name}.mt_events_sequence", cancel);

    /// <summary>Which history of the log this is.</summary>
    public Task<long> Epoch(CancellationToken cancel) => Scalar($"SELECT epoch FROM {Schema.Name}.log_epoch", cancel);

    /// <summary>Whether events were appended under a command's id.</summary>
    public async Task<bool> WasRun(Guid command, CancellationToken cancel)
    {
        await using var look = database.CreateCommand($"SELECT EXISTS (SELECT FROM {Schema.Name}.ap_commands WHERE id = $1)");
        Add(look, NpgsqlDbType.Uuid, command);
        return (bool)(await look.ExecuteScalarAsync(cancel))!;
    }

    private async Task<long> Scalar(string sql, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    private static void Add(NpgsqlCommand command, NpgsqlDbType type, object? value) =>
        command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = type, Value = value ?? DBNull.Value });

    private static Stored Read(NpgsqlDataReader reader) => new(
        reader.GetInt64(1), reader.GetGuid(2), reader.GetInt64(3), reader.GetGuid(4), reader.GetFieldValue<DateTimeOffset>(5),
        StoredJson.ContextOf(reader.GetString(8), Text(reader, 9), Text(reader, 10)), StoredJson.EventOf(reader.GetString(6), reader.GetString(7)));

    private static string? Text(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
}

/// <param name="Command">The command's id: appending twice under one id changes nothing the second time.</param>
public sealed record Append(IReadOnlyList<StreamAppend> Streams, EventContext Context, Guid? Command = null);

/// <param name="Type">request, grant, session, policy, agent, resource, lock.</param>
/// <param name="ExpectedVersion">0 for a stream that must not exist yet.</param>
public sealed record StreamAppend(Guid Stream, string Type, long ExpectedVersion, IReadOnlyList<IEvent> Events);

/// <param name="Position">Where the log was settled when the events were read.</param>
public sealed record Settled(IReadOnlyList<Stored> Events, long Position);

public abstract record Appended
{
    private Appended() { }

    /// <param name="Position">The global position of the last event appended.</param>
    public sealed record Done(long Position) : Appended;

    /// <summary>The command's id was seen before; this is where its events ended.</summary>
    public sealed record Repeated(long Position) : Appended;

    public sealed record Conflict(Guid Stream, long ActualVersion) : Appended;
}
