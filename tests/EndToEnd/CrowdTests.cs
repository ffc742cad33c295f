using System.Diagnostics;
using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd;

/// <summary>Many sessions, one after the other and at once: afterwards the agent holds what it held before.</summary>
public sealed class CrowdTests(TestWorld world, ITestOutputHelper output)
{
    private const long MemoryMayGrowBy = 64L << 20;

    [Fact]
    public async Task A_thousand_connections_in_sequence_leave_nothing_behind()
    {
        var ticket = await world.Everything(connections: 1200);
        for (var i = 0; i < 50; i++)
        {
            await ConnectAndAsk(ticket, i);
        }
        var before = await Held.Settled(Held.Nothing);
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < 1000; i++)
        {
            await ConnectAndAsk(ticket, i);
        }
        output.WriteLine($"1,000 connections in {watch.Elapsed.TotalSeconds:0.0} s; before: {before}");
        await NothingLeft(before);
    }

    [Fact]
    public async Task Two_hundred_sessions_at_once_each_get_their_own_answers()
    {
        await TwoHundred(); // the process grows to the size that it keeps
        var before = await Held.Settled(Held.Nothing);
        await TwoHundred();
        await NothingLeft(before);
    }

    private async Task TwoHundred()
    {
        var ticket = await world.Everything(connections: 200);
        await Task.WhenAll(Enumerable.Range(0, 200).Select(async i =>
        {
            await using var database = await Open(ticket);
            for (var round = 0; round < 10; round++)
            {
                await using var command = new NpgsqlCommand("SELECT $1, g FROM generate_series(1, 20) g", database) { Parameters = { new NpgsqlParameter { Value = i } } };
                await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
                var rows = 0;
                while (await reader.ReadAsync(TestContext.Current.CancellationToken))
                {
                    Assert.Equal(i, reader.GetInt32(0));
                    rows++;
                }
                Assert.Equal(20, rows);
            }
        }));
    }

    [Fact]
    public async Task Three_hundred_idle_sessions_cost_little_and_leave_nothing_behind()
    {
        // the first crowd makes the process grow to the size that it keeps; a leak shows in what the second adds
        await Idle(100);
        var before = await Held.Settled(Held.Nothing);
        await Idle(300);
        await NothingLeft(before);
    }

    private async Task Idle(int sessions)
    {
        var before = await Held.Now();
        var ticket = await world.Everything(connections: sessions);
        var open = new List<NpgsqlConnection>();
        try
        {
            for (var i = 0; i < sessions; i++)
            {
                open.Add(await Open(ticket));
            }
            var during = await Held.Now();
            output.WriteLine($"before {before}; with {sessions} idle sessions {during}");
            Assert.Equal(sessions, during.Backends);
            Assert.True(during.Memory - before.Memory < 2 * MemoryMayGrowBy, $"{sessions} idle sessions took {(during.Memory - before.Memory) >> 20} MiB");
            // all still alive after a while of silence
            await Task.WhenAll(open.Select(async database =>
            {
                await using var command = new NpgsqlCommand("SELECT 1", database);
                Assert.Equal(1, await command.ExecuteScalarAsync(TestContext.Current.CancellationToken));
            }));
        }
        finally
        {
            await Task.WhenAll(open.Select(database => database.DisposeAsync().AsTask()));
        }
    }

    private async Task NothingLeft(Held before)
    {
        var after = await Held.Settled(before);
        output.WriteLine($"after: {after}");
        Assert.Equal(0, after.Backends);
        Assert.True(after.Memory - before.Memory < MemoryMayGrowBy, $"the agent grew by {(after.Memory - before.Memory) >> 20} MiB");
    }

    private static async Task<NpgsqlConnection> Open(Ticket ticket)
    {
        var database = new NpgsqlConnection(ticket.Npgsql(Held.Application) + ";Timeout=60");
        await database.OpenAsync(TestContext.Current.CancellationToken);
        return database;
    }

    private static async Task ConnectAndAsk(Ticket ticket, int i)
    {
        await using var database = await Open(ticket);
        await using var command = new NpgsqlCommand("SELECT $1 + 1", database) { Parameters = { new NpgsqlParameter { Value = i } } };
        Assert.Equal(i + 1, await command.ExecuteScalarAsync(TestContext.Current.CancellationToken));
    }
}
