using System.Globalization;
using System.Net.Sockets;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// The agent's own connection to the resource, for making sure that a backend is gone. Opened when it is needed, used by one at a time, kept a
/// short while because ends come in crowds.
/// </summary>
internal sealed class PgControl : IDisposable
{
    private static readonly TimeSpan Kept = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly PgUpstream upstream;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly SemaphoreSlim turn = new(1);
    private readonly ITimer idle;
    private PgQueries? connection;

    public PgControl(PgUpstream upstream, TimeProvider time, ILogger log)
    {
        this.upstream = upstream;
        this.time = time;
        this.log = log;
        idle = time.CreateTimer(_ => CloseWhenIdle(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Ends a backend that is still there.</summary>
    /// <returns>What is left of it, for the record; null when nothing is.</returns>
    public async Task<string?> Terminate(PgBackend backend)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        var sql = string.Create(CultureInfo.InvariantCulture,
            $"""
             select (select count(pg_terminate_backend(pid)) from pg_stat_activity where pid = {backend.Pid} and usename = current_user),
                    (select count(*) from pg_prepared_xacts where owner = current_user)
             """);
        try
        {
            await turn.WaitAsync(patience.Token);
        }
        catch (OperationCanceledException busy)
        {
            PgLog.NotChecked(log, backend.Permit.Session, busy);
            return "whether the backend is gone could not be checked";
        }
        try
        {
            var answer = await Ask(backend, sql, patience.Token);
            return answer switch
            {
                ["0", "0"] => null,
                ["0", var prepared] => $"prepared transactions are left: {prepared}",
                [_, "0"] => "the backend was terminated",
                [_, var prepared] => $"the backend was terminated; prepared transactions are left: {prepared}",
                _ => "whether the backend is gone could not be checked",
            };
        }
        catch (Exception failed) when (failed is SocketException or IOException or ObjectDisposedException or PgStop or PgUnreachable or OperationCanceledException)
        {
            Close();
            PgLog.NotChecked(log, backend.Permit.Session, failed);
            return "whether the backend is gone could not be checked";
        }
        finally
        {
            idle.Change(Kept, Timeout.InfiniteTimeSpan);
            turn.Release();
        }
    }

    /// <returns>The one row's columns.</returns>
    private async Task<string?[]> Ask(PgBackend backend, string sql, CancellationToken cancel)
    {
        connection ??= await upstream.Own(backend.Permit.Database, cancel);
        return (await connection.Rows(sql, cancel))[0];
    }

    private void CloseWhenIdle()
    {
        if (turn.Wait(0))
        {
            Close();
            turn.Release();
        }
    }

    private void Close()
    {
        connection?.Dispose();
        connection = null;
    }

    public void Dispose()
    {
        idle.Dispose();
        Close();
        turn.Dispose();
    }
}
