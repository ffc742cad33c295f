using System.Globalization;
using System.Text.Json;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.Projections;
using Npgsql;

namespace AccessPlane.ControlPlane.Audit;

/// <summary>Every operation of every session, newest first: by words of the statement, actor, resource, session, verdict, rule and time.</summary>
public sealed class SearchOperations(NpgsqlDataSource database, ReadBarrier barrier, Operations operations, Projections.Sessions sessions, RulingBases bases)
{
    public static void Map(IEndpointRouteBuilder routes) => routes
        .MapGet("/audit/operations", (HttpContext http, SearchOperations search, CancellationToken cancel) => search.Answer(http, cancel))
        .TakesQuery("text", "session", "actor", "resource", "verdict", "outcome", "rule", "relation", "from", "until", "after", "limit")
        .WithName("SearchOperations").WithSummary("Search the operations of all sessions")
        .WithDescription(
            "`text`: words of the statement (`customers -orders \"for update\"`). Filters: `session`, `actor` (name, or `issuer|subject`; also who acts in another's name), `resource`, " +
            "`verdict`, `outcome`, `rule` (one that matched, watched ones too), `relation` (read or written: `schema.name`, or a name of any schema), `from`, `until`. Paging: `after`, `limit`. Auditors see all, everyone else their own.")
        .Produces<Page<OperationFound>>();

    private async Task<IResult> Answer(HttpContext http, CancellationToken cancel)
    {
        var ask = new ListQuery(http);
        await using var command = database.CreateCommand();
        var where = Conditions(ask, http.Caller(), command);
        var limit = ask.Limit;
        if (ask.WhyNot() is { } wrong)
        {
            return wrong;
        }
        command.CommandText =
            $"SELECT o.row::text, s.row::text, o.at || '/' || o.key FROM accessplane.{operations.Table} o JOIN accessplane.{sessions.Table} s ON s.key = o.session " +
            $"WHERE {string.Join(" AND ", where)} ORDER BY o.at DESC, o.key DESC LIMIT {(limit + 1).ToString(CultureInfo.InvariantCulture)}";
        await barrier.CaughtUp([operations, sessions, bases], cancel);
        var found = new List<OperationFound>();
        string? last = null, next = null;
        long size = 0;
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            if (found.Count == limit || size >= Rows.MaxPageSize)
            {
                next = last;
                break;
            }
            var operation = reader.GetString(0);
            size += operation.Length;
            found.Add(OperationFound.Of(Projection<SessionRow>.Read(reader.GetString(1)), Projection<OperationRow>.Read(operation)));
            last = reader.GetString(2);
        }
        return Results.Ok(new Page<OperationFound>(found, next));
    }

    /// <summary>The links of the holder's chain behind the subject.</summary>
    private const string HolderActs = """
        (SELECT string_agg((link ->> 'issuer') || '|' || (link ->> 'subject'), ' ' ORDER BY n) FROM jsonb_array_elements(s.row -> 'holder' -> 'act') WITH ORDINALITY a (link, n)) = ?
        """;

    private List<string> Conditions(ListQuery ask, Caller caller, NpgsqlCommand command)
    {
        var where = new List<string> { "true" };
        void And(string sql, object? value)
        {
            if (value is not null)
            {
                command.Parameters.Add(new NpgsqlParameter { Value = value });
                where.Add(sql.Replace("?", "$" + command.Parameters.Count.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal));
            }
        }

        And("o.words @@ websearch_to_tsquery('simple', translate(?, './@', '   '))", ask.Text("text"));
        And("o.session = ?", ask.Id("session")?.ToString("D"));
        And("o.verdict = ?", ask.Text("verdict"));
        And("o.row ->> 'outcome' = ?", ask.Text("outcome"));
        And("o.rules @> jsonb_build_array(?)", ask.Text("rule"));
        if (ask.Text("relation") is { } relation)
        {
            // what could not be resolved was taken for any schema's, and is found as that
            And(
                $"o.facts_hash IN (SELECT key FROM accessplane.{bases.Table} WHERE " + (relation.Contains('.', StringComparison.Ordinal)
                    ? "relations @> jsonb_build_array(?) OR relations @> jsonb_build_array('.' || substr(?, strpos(?, '.') + 1)))"
                    : "EXISTS (SELECT FROM jsonb_array_elements_text(relations) r WHERE r = ? OR substr(r, strpos(r, '.') + 1) = ?))"),
                relation);
        }
        And("s.resource = ?", ask.Text("resource"));
        And(ByActor.Of("s.row -> 'holder'"), ask.Text("actor"));
        And("o.at >= ?", Stamp(ask.Time("from")));
        And("o.at < ?", Stamp(ask.Time("until")));
        if (!caller.SeesAll())
        {
            And("s.holder = ?", caller.Actor.Key);
            // a person sees what is done in their name as well; who acts in a person's name sees that alone
            And(HolderActs, caller.Actor.Act.Count == 0 ? null : string.Join(' ', caller.Actor.Act.Select(a => a.Key)));
        }
        if (ask.After is { } after)
        {
            var slash = after.IndexOf('/', StringComparison.Ordinal);
            if (slash < 0)
            {
                ask.Wrong("after", "must be the cursor of a page", 0);
            }
            else
            {
                And("o.at <= ?", after[..slash]);
                And("(o.at || '/' || o.key) < ? COLLATE \"C\"", after);
            }
        }
        return where;
    }

    /// <summary>Times in rows are text of one form, so that they compare as text.</summary>
    private static string? Stamp(DateTimeOffset? at) =>
        at?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}

/// <summary>An operation with whose it was.</summary>
/// <param name="Duration">Microseconds from forwarding to the end.</param>
public sealed record OperationFound(
    Guid Session, long Op, DateTimeOffset At, Actor Actor, string Resource, string Agent, Guid Grant, string Protocol, string Text,
    IReadOnlyList<JsonElement>? Params, IReadOnlyList<string>? Statements, Effect Verdict, IReadOnlyList<Reason>? Reasons, long Policy, string? Outcome,
    string? Status, long? Duration, long? Rows, long? Bytes, string? Tag, EntryError? Error)
{
    public static OperationFound Of(SessionRow session, OperationRow op)
    {
        ArgumentNullException.ThrowIfNull(session);
        ArgumentNullException.ThrowIfNull(op);
        return new OperationFound(
            op.Session, op.Op, op.At, session.Holder, session.Resource, session.Agent, session.Grant, op.Protocol, op.Text, op.Params, op.Statements,
            op.Verdict, op.Reasons, op.Policy, op.Outcome, op.Status, op.Duration, op.Rows, op.Bytes, op.Tag, op.Error);
    }
}
