using Npgsql;

namespace AccessPlane.Projections;

/// <summary>
/// Folds a read model anew into a table beside it, and puts that in its place when it has come as far: meanwhile the old one is read and kept up.
/// </summary>
internal sealed class Rebuild(NpgsqlDataSource database, Tables tables, Projection projection, string schema, string projectorsLock)
{
    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(200);

    private const int PageSize = 1000;
    private readonly PagesAhead pages = new(database, tables, PageSize);
    private readonly string beside = $"{projection.Table}_new";
    private long from;

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
        for (var more = true; more;)
        {
            var page = await pages.Read(connection, from, [projection], cancel);
            await using var transaction = await connection.BeginTransactionAsync(cancel);
            // nothing here has to outlive a crash: what is not put in its place is folded again
            await Tables.Execute(connection, "SET LOCAL synchronous_commit = off", cancel);
            await tables.Fold(connection, projection, beside, page.Told[projection], cancel);
            await tables.IsRebuilt(connection, projection, page.Log.Position, cancel);
            await transaction.CommitAsync(cancel);
            (from, more) = (page.Log.Position, page.Log.More);
        }
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
