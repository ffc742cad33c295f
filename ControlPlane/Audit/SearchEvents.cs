using System.Globalization;
using System.Text.Json;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.Projections;
using Npgsql;

namespace AccessPlane.ControlPlane.Audit;

/// <summary>The log itself, oldest first, for auditors and admins.</summary>
public sealed class SearchEvents(NpgsqlDataSource database, EventLog log, ReadBarrier barrier)
{
    /// <summary>Everything in the streams that are about the resource: its requests, their grants and sessions, its agents, and the locks on it, on one of its grants or on everything.</summary>
    private const string AboutResource = """
        (data ->> 'resource' = ?
            OR stream_id IN (SELECT s.stream_id FROM accessplane.mt_events s WHERE s.version = 1 AND coalesce(s.data ->> 'resource', s.data #>> '{on,resource}') = ?)
            OR stream_id IN (SELECT s.stream_id FROM accessplane.mt_events s WHERE s.type = 'session_opened' AND s.data ->> 'resource' = ?)
            OR stream_id IN (SELECT a.stream_id FROM accessplane.mt_events a WHERE a.type IN ('agent_invited', 'agent_enrolled') AND jsonb_exists(a.data -> 'resources', ?))
            OR stream_id IN (SELECT e.stream_id FROM accessplane.mt_events e WHERE e.type = 'lock_placed' AND e.data #>> '{on,everything}' = 'true')
            OR stream_id IN (SELECT l.stream_id FROM accessplane.mt_events l WHERE l.type = 'lock_placed' AND l.data #>> '{on,grant}' IN
                (SELECT g.data ->> 'grant' FROM accessplane.mt_events g WHERE g.type = 'grant_issued' AND g.data ->> 'resource' = ?)))
        """;

    /// <summary>What a transcript says is read from its session, which records who reads: the log is no way around that.</summary>
    private static readonly string Told =
        $"(CASE type WHEN '{EventNames.Of(typeof(TranscriptRecorded))}' THEN data - 'entries' " +
        string.Concat(Withheld.Members.Select(m => $"WHEN '{EventNames.Of(m.Key)}' THEN data || '{{\"{m.Value}\": \"{Withheld.Word}\"}}' ")) + "ELSE data END)";

    public static void Map(IEndpointRouteBuilder routes) => routes
        .MapGet("/audit/events", (HttpContext http, SearchEvents search, CancellationToken cancel) => search.Answer(http, cancel))
        .TakesQuery("stream", "type", "actor", "resource", "correlation", "from", "until", "after", "limit")
        .WithName("SearchEvents").WithSummary("Search the event log")
        .WithDescription(
            "Filters: `stream`, `type` (stored name such as `grant_revoked`), `actor` (name, or `issuer|subject`; also who acts in another's name), `resource` (everything " +
            "about its requests, grants, sessions, agents and locks), `correlation`, `from`, `until`. Paging: `after` (a position), `limit`. A page ends early where its events are large. " +
            "What transcripts say is left out: `/v1/sessions/{id}/transcript` gives it, and records who read it. What only the product has a use for is `(withheld)`.")
        .Produces<Page<EventFound>>();

    private async Task<IResult> Answer(HttpContext http, CancellationToken cancel)
    {
        if (!http.Caller().SeesAll())
        {
            return Problems.Of("auditors-only", "the event log is for auditors and admins");
        }
        var ask = new ListQuery(http);
        await using var command = database.CreateCommand();
        // nothing is shown behind which a gap may still close; asked in a statement of its own, because a statement does not see what commits while it runs
        await barrier.Settled(cancel);
        var where = Conditions(ask, await log.Head(cancel), command);
        var limit = ask.Limit;
        if (ask.WhyNot() is { } wrong)
        {
            return wrong;
        }
        command.CommandText =
            $"SELECT seq_id, stream_id, version, id, type, timestamp, correlation_id, headers::text, {Told}::text FROM accessplane.mt_events " +
            $"WHERE {string.Join(" AND ", where)} ORDER BY seq_id LIMIT {(limit + 1).ToString(CultureInfo.InvariantCulture)}";
        var found = new List<EventFound>();
        string? next = null;
        long size = 0;
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            if (found.Count == limit || size >= Rows.MaxPageSize)
            {
                next = found[^1].Position.ToString(CultureInfo.InvariantCulture);
                break;
            }
            var (headers, data) = (reader.IsDBNull(7) ? "{}" : reader.GetString(7), reader.GetString(8));
            size += headers.Length + data.Length;
            found.Add(new EventFound(
                reader.GetInt64(0), reader.GetGuid(1), reader.GetInt64(2), reader.GetGuid(3), reader.GetString(4), reader.GetFieldValue<DateTimeOffset>(5),
                reader.IsDBNull(6) ? null : reader.GetString(6), Parse(headers), Parse(data)));
        }
        return Results.Ok(new Page<EventFound>(found, next));
    }

    private static List<string> Conditions(ListQuery ask, long head, NpgsqlCommand command)
    {
        var where = new List<string> { "seq_id <= $1" };
        command.Parameters.Add(new NpgsqlParameter { Value = head });
        void And(string sql, object? value)
        {
            if (value is not null)
            {
                command.Parameters.Add(new NpgsqlParameter { Value = value });
                where.Add(sql.Replace("?", "$" + command.Parameters.Count.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal));
            }
        }

        And("stream_id = ?", ask.Id("stream"));
        if (ask.Text("type") is { } type)
        {
            And("type = ?", EventNames.TypeOf(type) is null ? ask.Wrong("type", $"`{type}` is not a type of event", type) : type);
        }
        And(ByActor.Of("headers -> 'actor'"), ask.Text("actor"));
        And(AboutResource, ask.Text("resource"));
        And("correlation_id = ?", ask.Id("correlation")?.ToString("D"));
        And("timestamp >= ?", ask.Time("from"));
        And("timestamp < ?", ask.Time("until"));
        if (ask.After is { } after)
        {
            And("seq_id > ?", long.TryParse(after, NumberStyles.None, CultureInfo.InvariantCulture, out var position)
                ? position
                : ask.Wrong("after", "must be a position of the log", 0L));
        }
        return where;
    }

    private static JsonElement Parse(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }
}

/// <param name="Headers">Who (actor with delegation chain), the policy version and the rules that led to it.</param>
public sealed record EventFound(
    long Position, Guid Stream, long Version, Guid Id, string Type, DateTimeOffset At, string? Correlation, JsonElement Headers, JsonElement Data);
