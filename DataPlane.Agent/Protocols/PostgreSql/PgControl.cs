using System.Collections.Concurrent;
using System.Globalization;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// Makes sure that a backend is gone, over a connection of the agent's own, which is kept a short while because ends come in crowds.
/// </summary>
internal sealed class PgControl(PgUpstream upstream, TimeProvider time, ILogger log) : IDisposable
{
    private static readonly TimeSpan Kept = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>The same text in every session, whatever its settings.</summary>
    private const string Began = "to_char(backend_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')";

    /// <summary>One moment, and what surrounds it.</summary>
    private const int LongestMoment = 16 * 1024;

    private const string Unchecked = "whether the backend is gone could not be checked";

    private readonly ConcurrentDictionary<string, PgErrands> errands = [];

    private const string NotAllowed = "42501";

    /// <summary>When a backend began, and whose it is.</summary>
    public static async Task<PgLink> Introduce(PgLink link, CancellationToken cancel)
    {
        try
        {
            return await Introduce(link, "(select system_identifier::text from pg_catalog.pg_control_system())", cancel);
        }
        catch (PgQueryFailed failed) when (failed.Code == NotAllowed)
        {
            return await Introduce(link, "null", cancel); // what was taken from everybody is not asked for again
        }
    }

    private static async Task<PgLink> Introduce(PgLink link, string system, CancellationToken cancel) =>
        await new PgQueries(link).Rows(
            $"select {Began}, {system}, pg_catalog.to_char(pg_catalog.pg_postmaster_start_time() at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') from pg_stat_get_activity(pg_backend_pid())",
            cancel, LongestMoment) is [[var since, var cluster, { } began]]
            ? link with { Since = since, Cluster = new PgCluster(cluster, began) }
            : link;

    /// <summary>Ends a backend that is still there.</summary>
    /// <remarks>INVARIANT: its pid alone may be a stranger's by now.</remarks>
    /// <returns>What is left of it, for the record; null when nothing is.</returns>
    public async Task<string?> Terminate(PgBackend backend)
    {
        if (backend.Since is null)
        {
            return Unchecked;
        }
        var user = backend.User.Replace("'", "''", StringComparison.Ordinal);
        var sql = string.Create(CultureInfo.InvariantCulture,
            $"""
             select (select count(pg_terminate_backend(pid)) from pg_stat_activity where pid = {backend.Pid} and usename = '{user}' and {Began} = '{backend.Since}'),
                    (select count(*) from pg_prepared_xacts where owner = '{user}')
             """);
        try
        {
            var own = errands.GetOrAdd(backend.Permit.Database, name => new PgErrands(cancel => upstream.Own(name, cancel), time, Kept, Patience));
            return (await own.Run((queries, cancel) => queries.Rows(sql, cancel), CancellationToken.None))[0] switch
            {
                ["0", "0"] => null,
                ["0", var prepared] => $"prepared transactions are left: {prepared}",
                [_, "0"] => "the backend was terminated",
                [_, var prepared] => $"the backend was terminated; prepared transactions are left: {prepared}",
                _ => Unchecked,
            };
        }
        catch (Exception failed) when (PgErrands.IsFailure(failed))
        {
            PgLog.NotChecked(log, backend.Permit.Session, failed);
            return Unchecked;
        }
    }

    public void Dispose()
    {
        foreach (var own in errands.Values)
        {
            own.Dispose();
        }
    }
}
