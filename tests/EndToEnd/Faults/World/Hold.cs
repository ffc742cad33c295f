using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd.Faults.World;

/// <summary>A lock in the log's database: whoever comes to it stands there until the test lets go.</summary>
internal sealed class Hold : IAsyncDisposable
{
    private readonly Product product;
    private readonly NpgsqlConnection connection;
    private readonly NpgsqlTransaction transaction;

    private Hold(Product product, NpgsqlConnection connection, NpgsqlTransaction transaction) => (this.product, this.connection, this.transaction) = (product, connection, transaction);

    public static async Task<Hold> Of(Product product, string sql)
    {
        var connection = new NpgsqlConnection(product.Log);
        await connection.OpenAsync();
        var transaction = await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand(sql, connection, transaction);
        await command.ExecuteNonQueryAsync();
        return new Hold(product, connection, transaction);
    }

    private string Waiting => $"FROM pg_stat_activity WHERE {connection.ProcessID} = ANY (pg_blocking_pids(pid))";

    public Task IsWaitedFor() => Wait.Until(() => product.AskLog<bool>($"SELECT EXISTS (SELECT {Waiting})"), 20, () => "nobody comes to the lock");

    public Task<string> WhoWaits() => product.AskLog<string>($"SELECT application_name {Waiting}");

    /// <summary>What stands at the lock is undone: as if the database had gone with the process that asked. Who takes over may stand there by then.</summary>
    public async Task EndWhoWaits()
    {
        var ended = await product.AskLog<int[]>($"SELECT coalesce(array_agg(pid), '{{}}') FROM (SELECT pid, pg_terminate_backend(pid) {Waiting}) ended");
        Assert.NotEmpty(ended);
        await Wait.Until(
            () => product.AskLog<bool>($"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid IN ({string.Join(',', ended)}))"), 20, () => "they are still there");
    }

    /// <summary>Returns when whoever stood there has got on and is done.</summary>
    public async ValueTask DisposeAsync()
    {
        var waiting = await product.AskLog<int[]>($"SELECT coalesce(array_agg(pid), '{{}}') {Waiting}");
        await transaction.DisposeAsync();
        await connection.DisposeAsync();
        foreach (var pid in waiting)
        {
            await Wait.Until(() => product.AskLog<bool>($"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {pid} AND state = 'active')"), 20, () => "it is still held");
        }
    }
}
