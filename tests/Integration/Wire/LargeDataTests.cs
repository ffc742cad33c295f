using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using AccessPlane.Agent.Protocols.PostgreSql;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>What is large passes as it comes: whole, and without the agent holding it. Alone on the machine, because memory is counted.</summary>
[CollectionDefinition(nameof(LargeDataTests), DisableParallelization = true)]
[Collection(nameof(LargeDataTests))]
public sealed class LargeDataTests : IAsyncLifetime
{
    private const int Large = 64 * 1024 * 1024;
    private const long MostAllocated = 24 * 1024 * 1024;
    private WireAgent agent = null!;

    public async ValueTask InitializeAsync()
    {
        agent = await Start();
        await agent.Directly("create table l (a text)", $"grant all on l to {agent.Database}");
    }

    public ValueTask DisposeAsync() => agent.DisposeAsync();

    /// <summary>Reads and forgets until so many bytes have come.</summary>
    private static async Task Skip(RawClient client, long bytes)
    {
        var buffer = new byte[64 * 1024];
        while (bytes > 0)
        {
            bytes -= await client.Socket.ReceiveAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, bytes)));
        }
    }

    private static async Task<long> Allocates(long most, Func<Task> work)
    {
        var before = GC.GetTotalAllocatedBytes(precise: true);
        await work();
        var allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
        Assert.InRange(allocated, 0, most);
        return allocated;
    }

    /// <summary>A message of any size, without holding it here either.</summary>
    private static async Task Stream(RawClient client, char type, byte[] before, long filling, byte[] behind)
    {
        var header = new byte[PgFrame.Header];
        header[0] = (byte)type;
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(1), (int)(4 + before.Length + filling + behind.Length));
        await client.Send([.. header, .. before]);
        var part = new byte[1024 * 1024];
        Array.Fill(part, (byte)'x');
        for (var left = filling; left > 0;)
        {
            left -= await client.Socket.SendAsync(part.AsMemory(0, (int)Math.Min(left, part.Length)));
        }
        await client.Send(behind);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(9 << 20)]
    [InlineData(65 << 20)]
    [InlineData(900 << 20, Explicit = true)] // the server holds it more than once
    public async Task Values_of_any_size_pass_whole_and_are_not_held(int size)
    {
        using var client = await agent.Connect();
        await client.StillWorks();
        var allocated = await Allocates(MostAllocated, async () =>
        {
            await client.Send(Parse("", "select octet_length($1::text)"));
            byte[] before = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
            BinaryPrimitives.WriteInt32BigEndian(before.AsSpan(6), size);
            await Stream(client, 'B', before, size, [0, 0]);
            await client.Send(Execute(), Sync);
            Assert.Equal($"1 2 D[{size}] C[SELECT 1] ZI", Story(await client.UntilReady()));
        });
        await client.StillWorks();
        FaultReport.Saw($"a parameter of {size} bytes passed whole, {allocated / 1024} KiB were allocated for it");
    }

    [Theory]
    [InlineData(0, "I ZI")]
    [InlineData(1, "E42601 ZI")]
    [InlineData(9 << 20, "E54000 ZI")]
    [InlineData(65 << 20, "E54000 ZI")]
    [InlineData(900 << 20, "E54000 ZI")]
    public async Task Statements_beyond_their_bound_are_refused_whatever_their_size(int size, string story)
    {
        using var client = await agent.Connect();
        await client.StillWorks();
        await Allocates(MostAllocated, async () =>
        {
            await Stream(client, 'Q', [], size, [0]);
            Assert.Equal(story, Story(await client.UntilReady()));
        });
        await client.StillWorks();
    }

    [Fact]
    public async Task A_bind_of_many_megabytes_is_bound_whole_and_recorded_by_size_and_hash()
    {
        using var client = await agent.Connect();
        var value = RandomNumberGenerator.GetHexString(5 * 1024 * 1024);
        Assert.Equal("1 2 C[INSERT 0 1] ZI", Story(await client.Ask(Parse("", "insert into l values ($1)"), Bind("", "", value), Execute(), Sync)));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(value))), await agent.Ask("select encode(sha256(a::bytea), 'hex') from l"));
        byte[] wire = [0, 0x50, 0, 0, .. Encoding.ASCII.GetBytes(value)];
        Assert.Contains(agent.Transcript(), l =>
            l.Contains($"{wire.Length} bytes of parameters, sha-256 {Convert.ToHexStringLower(SHA256.HashData(wire))}", StringComparison.Ordinal));
        Assert.DoesNotContain(agent.Transcript(), l => l.Length > 100_000);
        await client.StillWorks();
    }

    [Fact]
    public async Task A_long_bind_to_a_name_that_does_not_exist_is_passed_over_and_the_session_lives()
    {
        using var client = await agent.Connect();
        Assert.Equal("E26000 ZI", Story(await client.Ask(Bind("", "nothing", new string('x', 3 * 1024 * 1024)), Execute(), Sync)));
        await client.StillWorks();
    }

    [Fact]
    public async Task A_bind_that_does_not_add_up_ends_the_connection_and_nothing_is_bound()
    {
        using var client = await agent.Connect();
        var bind = Bind("", "", new string('x', 3 * 1024 * 1024));
        var valueAt = PgFrame.Header + 6;
        BinaryPrimitives.WriteInt32BigEndian(bind.AsSpan(valueAt), (3 * 1024 * 1024) + 1);
        await client.Send(Parse("", "insert into l values ($1)"), bind, Execute(), Sync);
        Assert.EndsWith("E08P01", Story(await client.UntilReady()), StringComparison.Ordinal);
        Assert.Equal(0L, await agent.Ask("select count(*) from l"));
    }

    [Fact]
    public async Task A_row_of_64_megabytes_passes_and_is_not_held()
    {
        using var client = await agent.Connect();
        Assert.Equal("T D[x] C[SELECT 1] ZI", Story(await client.Ask(Query("select repeat('x', 1)"))));
        var allocated = await Allocates(MostAllocated, async () =>
        {
            await client.Send(Query($"select repeat('x', {Large})"));
            Assert.Equal('T', (await client.Read())!.Value.Type);
            await Skip(client, PgFrame.Header + 2 + 4 + Large);
        });
        Assert.Equal("C[SELECT 1] ZI", Story(await client.UntilReady()));
        FaultReport.Saw($"a row of {Large} bytes passed, {allocated / 1024} KiB were allocated for it");
    }

    [Fact]
    public async Task A_copy_passes_in_one_message_of_64_megabytes_and_is_not_held()
    {
        using var client = await agent.Connect();
        await client.Send(Query("copy l from stdin"));
        Assert.Equal('G', (await client.Read())!.Value.Type);
        var part = new byte[1024 * 1024];
        Array.Fill(part, (byte)'x');
        var header = new byte[PgFrame.Header];
        header[0] = (byte)'d';
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(1), Large + 1 + 4);
        await Allocates(MostAllocated, async () =>
        {
            await client.Socket.SendAsync(header);
            for (var sent = 0; sent < Large; sent += part.Length)
            {
                for (var at = 0; at < part.Length;)
                {
                    at += await client.Socket.SendAsync(part.AsMemory(at));
                }
            }
        });
        await client.Send("\n"u8.ToArray(), PgFrame.Of('c', []));
        Assert.Equal("C[COPY 1] ZI", Story(await client.UntilReady()));
        Assert.Equal(Large, await agent.Ask("select length(a) from l"));
        Assert.Contains(agent.Transcript(), l => l.Contains($"done: {Large + 1} bytes, sha-256", StringComparison.Ordinal));
    }

    /// <summary>The backend is stuck in its own send: it hears nothing until somebody reads, or the connection goes.</summary>
    [Fact]
    public async Task P14f_a_client_that_does_not_read_is_cut_all_the_same()
    {
        using var client = await agent.Connect();
        await client.Send(Query("select repeat('x', 1000), generate_series(1, 100000000)"));
        await Until(() => agent.Backends("wait_event = 'ClientWrite'", 1));
        var took = System.Diagnostics.Stopwatch.StartNew();
        await Allocates(MostAllocated, async () =>
        {
            agent.Revoke();
            await Until(() => Task.FromResult(agent.Live.Count == 0));
        });
        await Until(() => agent.Backends("true", 0));
        took.Stop();
        Assert.True(took.Elapsed < TimeSpan.FromSeconds(2), $"{took.Elapsed}");
        Assert.Contains(agent.Transcript(), l => l.Contains("\"cause\":\"revoked\"", StringComparison.Ordinal));
        // whatever it reads now, it ends, and no farewell stands in the middle of a row
        Assert.DoesNotContain(await client.UntilReady(), m => m.Type is 'E' or 'Z');
        FaultReport.Saw($"its session was over at the agent and at the database {took.Elapsed.TotalMilliseconds:0} ms after the revocation; 0 answers behind it");
    }
}
