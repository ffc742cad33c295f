using System.Runtime.CompilerServices;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;
using Npgsql;

namespace AccessPlane.ControlPlane.Evidence;

/// <summary>An event exactly as the log holds it: what its hash is made of.</summary>
/// <param name="At">RFC 3339 in UTC, with microseconds.</param>
/// <param name="Headers">The stored text.</param>
/// <param name="Data">The stored text.</param>
public sealed record LoggedEvent(
    long Position, Guid Stream, long Version, Guid Id, string Type, string At, string? Correlation, string? Causation, string? Headers, string Data)
{
    public IEvent Event => StoredJson.EventOf(Type, Data);
}

/// <summary>The log as evidence needs it: hashes of everything, and the stored bytes of what is shown.</summary>
public sealed class EvidenceLog(NpgsqlDataSource database)
{
    private const string At = """to_char(timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""";

    /// <summary>
    /// The Merkle leaf of an event: SHA-256 over 0x00 and these lines, joined by line feeds: `accessplane.event.v1`, position, stream, version, id, type, at,
    /// correlation, causation (empty where there is none), SHA-256 of the headers' text and of the data's text in lower-case hex. Made where the data is,
    /// so that 32 bytes of each event travel.
    /// </summary>
    private const string LeafHash = $"""
        sha256('\x00'::bytea || convert_to(concat_ws(E'\n', 'accessplane.event.v1', seq_id, stream_id, version, id, type, {At},
            coalesce(correlation_id, ''), coalesce(causation_id, ''), encode(sha256(convert_to(coalesce(headers::text, ''), 'UTF8')), 'hex'),
            encode(sha256(convert_to(data::text, 'UTF8')), 'hex')), 'UTF8'))
        """;

    private const string Columns = $"seq_id, stream_id, version, id, type, {At}, correlation_id, causation_id, headers::text, data::text";

    /// <summary>Hashes of the events behind a position, up to another, in order.</summary>
    public async Task<IReadOnlyList<(long Position, byte[] Hash)>> EventHashes(long after, long upTo, CancellationToken cancel)
    {
        await using var command = database.CreateCommand($"SELECT seq_id, {LeafHash} FROM {Schema.Name}.mt_events WHERE seq_id > $1 AND seq_id <= $2 ORDER BY seq_id");
        Add(command, after, upTo);
        var hashes = new List<(long, byte[])>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            hashes.Add((reader.GetInt64(0), reader.GetFieldValue<byte[]>(1)));
        }
        return hashes;
    }

    /// <summary>Checkpoints by number, the lowest first; those that there are.</summary>
    public async Task<IReadOnlyList<EvidenceCheckpointed>> Checkpoints(IReadOnlyCollection<long> numbers, CancellationToken cancel)
    {
        // the number is the version: the stream holds nothing else
        await using var command = database.CreateCommand(
            $"SELECT data::text FROM {Schema.Name}.mt_events WHERE stream_id = $1 AND version = ANY ($2) ORDER BY version");
        Add(command, Ids.Checkpoints, numbers.ToArray());
        var found = new List<EvidenceCheckpointed>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            found.Add(JsonSerializer.Deserialize<EvidenceCheckpointed>(reader.GetString(0), Json.Options)!);
        }
        return found;
    }

    /// <summary>Null where none was taken yet.</summary>
    public async Task<Contracts.Evidence.Checkpoint?> LastCheckpoint(CancellationToken cancel)
    {
        await using var command = database.CreateCommand(
            $"SELECT data::text FROM {Schema.Name}.mt_events WHERE stream_id = $1 ORDER BY version DESC LIMIT 1");
        Add(command, Ids.Checkpoints);
        return await command.ExecuteScalarAsync(cancel) is string text ? JsonSerializer.Deserialize<EvidenceCheckpointed>(text, Json.Options)!.Checkpoint : null;
    }

    /// <summary>All events of these streams but the transcripts' segments, and of agents their enrolments, keys and findings, in the log's order.</summary>
    public IAsyncEnumerable<LoggedEvent> Streams(IReadOnlyCollection<Guid> streams, IReadOnlyCollection<Guid> agents, long upTo, CancellationToken cancel) => Read(
        $"""
        SELECT {Columns} FROM {Schema.Name}.mt_events
        WHERE seq_id <= $1 AND ((stream_id = ANY ($2) AND type <> 'transcript_recorded') OR (stream_id = ANY ($3) AND type IN ('agent_enrolled', 'agent_key_announced', 'evidence_gap_found')))
        ORDER BY seq_id
        """, cancel, upTo, streams.ToArray(), agents.ToArray());

    /// <summary>A session's segments, in order.</summary>
    public IAsyncEnumerable<LoggedEvent> Segments(Guid session, long upTo, CancellationToken cancel) => Read(
        $"SELECT {Columns} FROM {Schema.Name}.mt_events WHERE stream_id = $1 AND seq_id <= $2 AND type = 'transcript_recorded' ORDER BY version", cancel, session, upTo);

    /// <summary>The first events of what began behind a position, up to another: requests, grants and sessions, on one resource or on all.</summary>
    public IAsyncEnumerable<LoggedEvent> Begun(long after, long upTo, string? resource, CancellationToken cancel) => Read(
        $"""
        SELECT {Columns} FROM {Schema.Name}.mt_events
        WHERE type IN ('request_submitted', 'grant_issued', 'session_opened') AND seq_id > $1 AND seq_id <= $2 AND (data ->> 'resource' = $3 OR $3 = '')
        ORDER BY seq_id
        """, cancel, after, upTo, resource ?? "");

    /// <summary>The streams of the operations that these sessions had to wait with.</summary>
    public async Task<IReadOnlyList<Guid>> HoldsOf(IReadOnlyCollection<Guid> sessions, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(
            $"SELECT stream_id FROM {Schema.Name}.mt_events WHERE type = 'operation_held' AND data #>> '{{operation,session}}' = ANY ($1) ORDER BY seq_id");
        Add(command, [sessions.Select(s => s.ToString("D")).ToArray()]);
        var holds = new List<Guid>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            holds.Add(reader.GetGuid(0));
        }
        return holds;
    }

    private async IAsyncEnumerable<LoggedEvent> Read(string sql, [EnumeratorCancellation] CancellationToken cancel, params object[] values)
    {
        await using var command = database.CreateCommand(sql);
        Add(command, values);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            yield return new LoggedEvent(
                reader.GetInt64(0), reader.GetGuid(1), reader.GetInt64(2), reader.GetGuid(3), reader.GetString(4), reader.GetString(5),
                Text(reader, 6), Text(reader, 7), Text(reader, 8), reader.GetString(9));
        }
    }

    private static string? Text(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    private static void Add(NpgsqlCommand command, params object[] values)
    {
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }
    }
}
