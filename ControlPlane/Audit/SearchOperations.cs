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
public sealed class SearchOperations(
    NpgsqlDataSource database, ReadBarrier barrier, Operations operations, Projections.Sessions sessions, RulingBases bases, SearchesAreRecorded recorded)
{
    /// <summary>Whoever has no more sessions than this: their operations are found by them. Of everybody else's some are among the newest of all.</summary>
    private const int FewSessions = 1_000;

    private static readonly string[] Filters = ["text", "session", "actor", "resource", "verdict", "outcome", "rule", "relation", "from", "until"];

    public static void Map(IEndpointRouteBuilder routes) => routes
        .MapGet("/audit/operations", (HttpContext http, SearchOperations search, CancellationToken cancel) => search.Answer(http, cancel))
        .TakesQuery([.. Filters, "after", "limit"])
        .WithName("SearchOperations").WithSummary("Search the operations of all sessions")
        .WithDescription(
            "`text`: words of the statement (`customers -orders \"for update\"`). Filters: `session`, `actor` (name, or `issuer|subject`; also who acts in another's name), `resource`, " +
            "`verdict`, `outcome`, `rule` (one that matched, watched ones too), `relation` (read or written: `schema.name`, or a name of any schema), `from`, `until`. Paging: `after`, `limit`. Auditors see all, which is recorded, everyone else their own.")
        .Produces<Page<OperationFound>>();

    private async Task<IResult> Answer(HttpContext http, CancellationToken cancel)
    {
        var ask = new ListQuery(http);
        await using var command = database.CreateCommand();
        var where = new Where(command);
        Conditions(where, ask);
        OfSessions(where, ask, http.Caller());
        var limit = ask.Limit;
        if (ask.WhyNot() is { } wrong)
        {
            return wrong;
        }
        if (http.Caller().SeesAll())
        {
            await recorded.Record(http, Filters.Where(f => ask.Text(f) is not null).ToDictionary(f => f, f => ask.Text(f)!), cancel);
        }
        await barrier.CaughtUp([operations, sessions, bases], cancel);
        where.And("o.session = ANY(?)", await Few(ask, http.Caller(), cancel));
        command.CommandText =
            $"SELECT o.row::text, s.row::text, o.at || '/' || o.key FROM accessplane.{operations.Table} o JOIN accessplane.{sessions.Table} s ON s.key = o.session " +
            $"WHERE {where} ORDER BY o.at DESC, o.key DESC LIMIT {(limit + 1).ToString(CultureInfo.InvariantCulture)}";
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

    /// <summary>The sessions that are asked for by their holder, where these are few; null where they are many, or anybody's.</summary>
    private async Task<string[]?> Few(ListQuery ask, Caller caller, CancellationToken cancel)
    {
        await using var command = database.CreateCommand();
        var where = new Where(command);
        OfSessions(where, ask, caller);
        if (where.IsEmpty)
        {
            return null;
        }
        command.CommandText = $"SELECT s.key FROM accessplane.{sessions.Table} s WHERE {where} LIMIT {(FewSessions + 1).ToString(CultureInfo.InvariantCulture)}";
        var found = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            found.Add(reader.GetString(0));
        }
        return found.Count > FewSessions ? null : [.. found];
    }

    private static void OfSessions(Where where, ListQuery ask, Caller caller)
    {
        where.And(ByActor.Of("s.row -> 'holder'"), ask.Text("actor"));
        if (!caller.SeesAll())
        {
            where.And("s.holder = ?", caller.Actor.Key);
            // a person sees what is done in their name as well; who acts in a person's name sees that alone
            where.And(HolderActs, caller.Actor.Act.Count == 0 ? null : string.Join(' ', caller.Actor.Act.Select(a => a.Key)));
        }
    }

    private void Conditions(Where where, ListQuery ask)
    {
        where.And("o.words @@ websearch_to_tsquery('simple', translate(?, './@', '   '))", ask.Text("text"));
        where.And("o.session = ?", ask.Id("session")?.ToString("D"));
        Rare(where, "o.verdict", ask.Text("verdict"), "allow");
        Rare(where, "o.outcome", ask.Text("outcome"), "completed");
        where.And("o.rules @> jsonb_build_array(?)", ask.Text("rule"));
        if (ask.Text("relation") is { } relation)
        {
            // what could not be resolved was taken for any schema's, and is found as that
            where.And(
                $"o.facts_hash IN (SELECT key FROM accessplane.{bases.Table} WHERE " + (relation.Contains('.', StringComparison.Ordinal)
                    ? "relations @> jsonb_build_array(?) OR relations @> jsonb_build_array('.' || substr(?, strpos(?, '.') + 1)))"
                    : "EXISTS (SELECT FROM jsonb_array_elements_text(relations) r WHERE r = ? OR substr(r, strpos(r, '.') + 1) = ?))"),
                relation);
        }
        where.And("s.resource = ?", ask.Text("resource"));
        where.And("o.at >= ?", Stamp(ask.Time("from")));
        where.And("o.at < ?", Stamp(ask.Time("until")));
        if (ask.After is { } after)
        {
            var slash = after.IndexOf('/', StringComparison.Ordinal);
            if (slash < 0)
            {
                ask.Wrong("after", "must be the cursor of a page", 0);
            }
            else
            {
                where.And("o.at <= ?", after[..slash]);
                where.And("(o.at || '/' || o.key) < ? COLLATE \"C\"", after);
            }
        }
    }

    /// <param name="usual">Almost all are: an index holds the others alone, and is used where the statement says that it will do.</param>
    private static void Rare(Where where, string column, string? value, string usual) =>
        where.And(value == usual ? $"{column} = ?" : $"{column} = ? AND {column} <> '{usual}'", value);

    /// <summary>Conditions that all hold, and the parameters that they name.</summary>
    private sealed class Where(NpgsqlCommand command)
    {
        private readonly List<string> conditions = [];

        public bool IsEmpty => conditions.Count == 0;

        /// <param name="sql">Each `?` stands for the value.</param>
        /// <param name="value">Null: there is no such condition.</param>
        public void And(string sql, object? value)
        {
            if (value is not null)
            {
                command.Parameters.Add(new NpgsqlParameter { Value = value });
                conditions.Add(sql.Replace("?", "$" + command.Parameters.Count.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal));
            }
        }

        public override string ToString() => IsEmpty ? "true" : string.Join(" AND ", conditions);
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
