using System.Diagnostics;
using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd.Faults;

/// <summary>Somebody who is inside and works: one statement after the other, each answer checked, until told to stop.</summary>
internal sealed class Resident : IAsyncDisposable
{
    private readonly NpgsqlConnection database;
    private readonly CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
    private readonly Task working;
    private int answered;

    private Resident(NpgsqlConnection database)
    {
        this.database = database;
        working = Work();
    }

    /// <summary>Right answers so far.</summary>
    public int Answered => Volatile.Read(ref answered);

    /// <summary>The longest that one answer took.</summary>
    public TimeSpan Longest { get; private set; }

    public static async Task<Resident> MovesIn(Ticket ticket)
    {
        var database = new NpgsqlConnection(ticket.Npgsql("resident") + ";Timeout=60");
        await database.OpenAsync(TestContext.Current.CancellationToken);
        return new Resident(database);
    }

    /// <summary>Fails where one answer was wrong, out of turn or an error.</summary>
    public async Task MovesOut()
    {
        await stop.CancelAsync();
        await working;
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await working.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await database.DisposeAsync();
        stop.Dispose();
    }

    private async Task Work()
    {
        await using var command = new NpgsqlCommand("SELECT $1 + 1", database) { Parameters = { new NpgsqlParameter { Value = 0 } } };
        while (!stop.IsCancellationRequested)
        {
            command.Parameters[0].Value = answered;
            var began = Stopwatch.GetTimestamp();
            Assert.Equal(answered + 1, await command.ExecuteScalarAsync(CancellationToken.None));
            Interlocked.Increment(ref answered);
            var took = Stopwatch.GetElapsedTime(began);
            Longest = took > Longest ? took : Longest;
            await Task.Yield();
        }
    }
}
