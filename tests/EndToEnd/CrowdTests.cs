using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd;

/// <summary>Many sessions, one after the other and at once: afterwards the agent holds what it held before.</summary>
[Collection(Alone.Name)]
public sealed class CrowdTests(TestWorld world, ITestOutputHelper output)
{
    private const int Connections = 1000;
    private const int Crowd = 200;
    private const long MemoryMayGrowBy = 64L << 20;

    /// <summary>Where every connection leaves a few of its objects behind, all of which take 43 KiB, it is more.</summary>
    private const long LiveMayGrowBy = Connections * (8L << 10);

    [Fact]
    public async Task A_thousand_connections_in_sequence_leave_nothing_behind()
    {
        var ticket = await world.Everything(connections: 1200);
        for (var i = 0; i < 50; i++)
        {
            await ConnectAndAsk(ticket, i);
        }
        var before = await Held.Settled(Held.Nothing);
        var live = await Live();
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < Connections; i++)
        {
            await ConnectAndAsk(ticket, i);
        }
        output.WriteLine($"{Connections} connections in {watch.Elapsed.TotalSeconds:0.0} s; before: {before}, {live >> 10} KiB of it live");
        await NothingLeft(before);
        var after = live;
        // what is still on its way to the control plane is held until it has arrived
        await Wait.Until(async () => (after = await Live()) - live < LiveMayGrowBy, 45, () => $"{(after - live) / Connections} bytes a connection are held still");
        output.WriteLine($"{after >> 10} KiB live");
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
        var ticket = await world.Everything(connections: Crowd);
        var open = new ConcurrentBag<NpgsqlConnection>();
        try
        {
            await Task.WhenAll(Enumerable.Range(0, Crowd).Select(async _ => open.Add(await Open(ticket))));
            Assert.Equal(Crowd, (await Held.Now()).Backends);
            await Task.WhenAll(open.Select((database, i) => GetsItsOwnAnswers(database, i)));
            Assert.Equal(Crowd, (await Held.Now()).Backends);
        }
        finally
        {
            await Task.WhenAll(open.Select(database => database.DisposeAsync().AsTask()));
        }
    }

    private static async Task GetsItsOwnAnswers(NpgsqlConnection database, int i)
    {
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

    /// <summary>
    /// Bytes of the agent's objects that something still holds, as its runtime counts them when it has collected the others. What the process has of the machine
    /// says little of that: it grows and shrinks by more than many sessions take.
    /// </summary>
    private static async Task<long> Live()
    {
        var told = await Run.ToEnd("/usr/bin/python3", [$"{TestWorld.Root}/tests/EndToEnd/clients/python/live_heap.py", $"{TestWorld.ProcessOf("orders-agent")}"]);
        return long.Parse(told.Succeeded().Output, CultureInfo.InvariantCulture);
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
