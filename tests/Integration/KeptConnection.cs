using Npgsql;

namespace AccessPlane.Tests.Integration;

/// <summary>A superuser's way into a database that a test made. A backend is not cheap: one is kept, until it is gone with its server.</summary>
internal sealed class KeptConnection(string connectionString) : IAsyncDisposable
{
    private readonly string connectionString = new NpgsqlConnectionStringBuilder(connectionString + Servers.Plainly).ConnectionString;
    private readonly SemaphoreSlim asking = new(1);
    private NpgsqlConnection? kept;

    /// <summary>Runs statements. What they set for their session ends with them.</summary>
    public async Task Run(params string[] statements)
    {
        if (statements.Length == 0)
        {
            return;
        }
        if (!await asking.WaitAsync(0))
        {
            await using var beside = new NpgsqlConnection(connectionString);
            await beside.OpenAsync();
            await Execute(beside, statements);
            return;
        }
        var isDone = false;
        try
        {
            await Execute(await Open(), [.. statements, "discard all"]);
            isDone = true;
        }
        finally
        {
            // what is set for a database counts for those who come afterwards
            if (!isDone || statements.Any(s => s.Contains("alter database", StringComparison.OrdinalIgnoreCase)))
            {
                await Close();
            }
            asking.Release();
        }
    }

    /// <summary>The first column of the first row.</summary>
    public async Task<object?> Ask(string sql)
    {
        await asking.WaitAsync();
        try
        {
            await using var command = new NpgsqlCommand(sql, await Open());
            return await command.ExecuteScalarAsync();
        }
        finally
        {
            asking.Release();
        }
    }

    /// <summary>The next one is new: it begins as the database now says, and the one before is in nobody's way.</summary>
    public async Task Close()
    {
        if (kept is not null)
        {
            await kept.DisposeAsync();
            kept = null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Close();
        asking.Dispose();
    }

    private async Task<NpgsqlConnection> Open()
    {
        if (kept is not { State: System.Data.ConnectionState.Open })
        {
            await Close();
            kept = new NpgsqlConnection(connectionString);
            await kept.OpenAsync();
        }
        return kept;
    }

    private static async Task Execute(NpgsqlConnection connection, IEnumerable<string> statements)
    {
        foreach (var statement in statements)
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await command.ExecuteNonQueryAsync();
        }
    }
}
