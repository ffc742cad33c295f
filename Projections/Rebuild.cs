using System.Runtime.CompilerServices;
using Npgsql;

namespace AccessPlane.Projections;

/// <summary>
/// Folds a read model anew into a table beside it, and puts that in its place when it has come as far: meanwhile the old one is read and kept up.
/// </summary>
internal sealed class Rebuild(NpgsqlDataSource database, Tables tables, Projection projection, string schema, string projectorsLock)
{
    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(200);

    // small enough that one is read while another one is folded
    private const int PageSize = 250;
    private readonly string beside = $"{projection.Table}_new";
    private long from;
    private bool more = true;

    /// <param name="onlyToOtherShape">Nothing is to be done where the table has the projection's shape.</param>
    public async Task Run(bool onlyToOtherShape, CancellationToken cancel)
    {
        // one at a time: the lock goes with this connection's transaction, whatever becomes of this process
        await using var turn = await database.OpenConnectionAsync(cancel);
        await using var turns = await turn.BeginTransactionAsync(cancel);
        await Tables.Execute(turn, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", cancel, $"{schema}/rebuild/{projection.Name}");

        await using var connection = await database.OpenConnectionAsync(cancel);
        if (onlyToOtherShape && (await tables.States(connection, [projection], cancel))[projection].Shape == projection.Shape)
        {
            return; // another replica has done it
        }
        try
        {
            await tables.Drop(connection, beside, cancel);
            await tables.Make(connection, projection, beside, cancel);
            await Fold(connection, cancel);
            await tables.Index(connection, projection, beside, cancel);
            while (!await Replace(connection, cancel))
            {
                await Task.Delay(BetweenTries, cancel);
                await Fold(connection, cancel);
            }
        }
        catch (Exception)
        {
            await tables.IsRebuilt(turn, projection, null, CancellationToken.None);
            await turns.CommitAsync(CancellationToken.None);
            throw;
        }
    }

    /// <summary>All there is. Bound by no lock: nobody else knows of the table.</summary>
    private async Task Fold(NpgsqlConnection connection, CancellationToken cancel)
    {
        await foreach (var (told, position) in Ahead(cancel))
        {
            await using var transaction = await connection.BeginTransactionAsync(cancel);
            // nothing here has to outlive a crash: what is not put in its place is folded again
            await Tables.Execute(connection, "SET LOCAL synchronous_commit = off", cancel);
            await tables.Fold(connection, projection, beside, told, cancel);
            await tables.IsRebuilt(connection, projection, position, cancel);
            await transaction.CommitAsync(cancel);
            from = position;
        }
    }

    /// <summary>Pages of the log, the next one read while one is folded.</summary>
    private async IAsyncEnumerable<(IReadOnlyList<Told> Told, long Position)> Ahead([EnumeratorCancellation] CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var next = Read(from);
        try
        {
            do
            {
                var page = await next;
                (var told, more) = (page.Told, page.More);
                if (more)
                {
                    next = Read(page.Position);
                }
                yield return (told, page.Position);
            }
            while (more);
        }
        finally
        {
            // whoever stops early must not take the connection from under the page that is being read
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        Task<(IReadOnlyList<Told> Told, long Position, bool More)> Read(long after) => Task.Run(
            async () =>
            {
                var page = await tables.Read(connection, after, projection.Types, PageSize, cancel);
                return (Told.By(projection, page.Events), page.Position, page.More);
            }, cancel);
    }

    /// <summary>Puts the table in its place, unless someone reads the old one for long: nobody else shall wait behind them.</summary>
    private async Task<bool> Replace(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        try
        {
            await Tables.Execute(connection, "SET LOCAL lock_timeout = '250ms'", cancel);
            await Tables.Execute(connection, $"SELECT pg_advisory_xact_lock({projectorsLock})", cancel);
            // the old one goes no further now; never behind it: who was shown something must not miss it again
            var reached = (await tables.States(connection, [projection], cancel))[projection].Position;
            var (position, end) = (from, false);
            while (!end || position < reached)
            {
                var page = await tables.Read(connection, position, projection.Types, PageSize, cancel);
                await tables.Fold(connection, projection, beside, Told.By(projection, page.Events), cancel);
                (position, end) = (page.Position, !page.More);
            }
            await tables.Replace(connection, projection, beside, cancel);
            await tables.StoreCheckpoints(connection, [projection], position, cancel);
            await tables.HasShape(connection, projection, cancel);
            await transaction.CommitAsync(cancel);
            return true;
        }
        catch (PostgresException busy) when (busy.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            await transaction.RollbackAsync(cancel);
            return false;
        }
    }
}
