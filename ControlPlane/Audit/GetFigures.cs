using System.Globalization;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.Projections;
using Npgsql;

namespace AccessPlane.ControlPlane.Audit;

/// <summary>What happened, counted: for who would rather look than read.</summary>
public sealed class GetFigures(
    NpgsqlDataSource database, ReadBarrier barrier, Projections.Sessions sessions, Operations operations, Requests requests, HeldOperations holds, TimeProvider clock)
{
    private const int Parts = 60;

    /// <summary>Upper bounds of the histogram's classes, in milliseconds; the last class has none.</summary>
    private static readonly double[] Bounds = [5, 10, 25, 50, 100, 250, 500, 1_000];

    public static void Map(IEndpointRouteBuilder routes) => routes
        .MapGet("/audit/figures", (HttpContext http, GetFigures figures, CancellationToken cancel) => figures.Answer(http, cancel))
        .TakesQuery("from", "to")
        .WithName("GetFigures").WithSummary("Sessions, denials, holds and approvals over time")
        .WithDescription("From `from` (default: a week before `to`) to `to` (default: now), in sixty parts. For auditors and admins.")
        .Produces<Figures>();

    private async Task<IResult> Answer(HttpContext http, CancellationToken cancel)
    {
        if (!http.Caller().SeesAll())
        {
            return Problems.Of("auditors-only", "figures are for auditors and admins");
        }
        var ask = new ListQuery(http);
        var to = ask.Time("to") ?? clock.GetUtcNow();
        var from = ask.Time("from") ?? to.AddDays(-7);
        if (from >= to)
        {
            ask.Wrong("from", "must be before `to`", 0);
        }
        if (ask.WhyNot() is { } wrong)
        {
            return wrong;
        }
        await barrier.CaughtUp([sessions, operations, requests, holds], cancel);
        var opened = await Count(sessions.Table, "row ->> 'startedAt'", "1.0", "true", from, to, cancel);
        var denied = await Count(operations.Table, "at", "1.0", "verdict = 'deny'", from, to, cancel);
        var held = await Count(holds.Table, "row ->> 'heldAt'", "1.0", "true", from, to, cancel);
        var approved = await Count(
            requests.Table, "row ->> 'closedAt'", "extract(epoch FROM (row ->> 'closedAt')::timestamptz - (row ->> 'submittedAt')::timestamptz)::float8",
            "state = 'Approved' AND jsonb_array_length(row -> 'steps') > 0", from, to, cancel);
        var step = (to - from) / Parts;
        return Results.Ok(new Figures(from, to, [.. Enumerable.Range(0, Parts).Select(i => new FiguresPart(
            from + (step * i), opened[i].Count, denied[i].Count, held[i].Count, approved[i].Count, approved[i].Median is { } seconds ? TimeSpan.FromSeconds(seconds) : null))],
            await Cuts(from, to, cancel)));
    }

    /// <summary>How many rows lie in each part, and the median of what is measured. All but the times is text of this file's.</summary>
    private async Task<(long Count, double? Median)[]> Count(string table, string at, string measured, string which, DateTimeOffset from, DateTimeOffset to, CancellationToken cancel)
    {
        await using var command = database.CreateCommand($"""
            SELECT width_bucket(extract(epoch FROM ({at})::timestamptz)::float8, $1, $2, {Parts.ToString(CultureInfo.InvariantCulture)}) AS part,
                count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY {measured})
            FROM accessplane.{table} WHERE {which} AND {at} >= $3 AND {at} < $4 GROUP BY part
            """);
        command.Parameters.Add(new NpgsqlParameter<double> { TypedValue = from.ToUnixTimeMilliseconds() / 1000.0 });
        command.Parameters.Add(new NpgsqlParameter<double> { TypedValue = to.ToUnixTimeMilliseconds() / 1000.0 });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = Stamp(from) });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = Stamp(to) });
        var parts = new (long, double?)[Parts];
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            parts[Math.Clamp(reader.GetInt32(0), 1, Parts) - 1] = (reader.GetInt64(1), reader.IsDBNull(2) ? null : reader.GetDouble(2));
        }
        return parts;
    }

    /// <summary>How long sessions lived after their agent had the order that ended them.</summary>
    private async Task<IReadOnlyList<CutsUpTo>> Cuts(DateTimeOffset from, DateTimeOffset to, CancellationToken cancel)
    {
        await using var command = database.CreateCommand($"""
            SELECT width_bucket(extract(epoch FROM (row ->> 'cutLatency')::interval)::float8 * 1000, $1), count(*) FROM accessplane.{sessions.Table}
            WHERE row ->> 'cutLatency' IS NOT NULL AND row ->> 'endedAt' >= $2 AND row ->> 'endedAt' < $3 GROUP BY 1
            """);
        command.Parameters.Add(new NpgsqlParameter<double[]> { TypedValue = Bounds });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = Stamp(from) });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = Stamp(to) });
        var classes = Bounds.Select(b => new CutsUpTo(TimeSpan.FromMilliseconds(b), 0)).Append(new CutsUpTo(null, 0)).ToList();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            classes[reader.GetInt32(0)] = classes[reader.GetInt32(0)] with { Sessions = reader.GetInt64(1) };
        }
        return classes;
    }

    /// <summary>Times in rows are text of one form, so that they compare as text.</summary>
    private static string Stamp(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}

/// <param name="Parts">Sixty of the same length, the oldest first.</param>
/// <param name="Cuts">Sessions that were ended by an order: how long they lived after their agent had it.</param>
public sealed record Figures(DateTimeOffset From, DateTimeOffset To, IReadOnlyList<FiguresPart> Parts, IReadOnlyList<CutsUpTo> Cuts);

/// <param name="At">When it begins.</param>
/// <param name="Sessions">Opened.</param>
/// <param name="Denied">Statements that the policy denied.</param>
/// <param name="Held">Statements that had to wait for people.</param>
/// <param name="Approved">Requests that people approved.</param>
/// <param name="TimeToApprove">Of these, the median from asking to the approval.</param>
public sealed record FiguresPart(DateTimeOffset At, long Sessions, long Denied, long Held, long Approved, TimeSpan? TimeToApprove);

/// <param name="UpTo">Null for more than all others.</param>
public sealed record CutsUpTo(TimeSpan? UpTo, long Sessions);
