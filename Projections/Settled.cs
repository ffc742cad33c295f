using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using Npgsql;

namespace AccessPlane.Projections;

/// <summary>A page of the log in its global order.</summary>
/// <param name="Position">Up to here no event of the kinds asked for is missing, and none can still appear: where the next page begins.</param>
/// <param name="More">The page ended before the settled log did.</param>
public sealed record Settled(IReadOnlyList<Stored> Events, long Position, bool More)
{
    /// <summary>The rows of `ap_read`.</summary>
    public static async Task<Settled> Read(NpgsqlDataReader reader, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var events = new List<Stored>();
        var (through, more) = (0L, false);
        while (await reader.ReadAsync(cancel))
        {
            (through, more) = (reader.GetInt64(0), reader.GetBoolean(1));
            if (HasEvent(reader))
            {
                events.Add(EventAt(reader, 2));
            }
        }
        return new Settled(events, through, more);
    }

    /// <summary>An event whose columns begin at <paramref name="at"/>: seq_id, stream_id, version, id, timestamp, type, data, headers, correlation_id, causation_id.</summary>
    public static Stored EventAt(NpgsqlDataReader reader, int at)
    {
        ArgumentNullException.ThrowIfNull(reader);
        return new Stored(
            reader.GetInt64(at), reader.GetGuid(at + 1), reader.GetInt64(at + 2), reader.GetGuid(at + 3), reader.GetFieldValue<DateTimeOffset>(at + 4),
            StoredJson.ContextOf(reader.GetString(at + 7), Text(at + 8), Text(at + 9)), StoredJson.EventOf(reader.GetString(at + 5), reader.GetString(at + 6)));

        string? Text(int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
    }

    // the one row of an empty page tells how far it is, and holds no event
    private static bool HasEvent(NpgsqlDataReader reader) => !reader.IsDBNull(2);
}
