using System.Buffers.Binary;
using AccessPlane.Agent.Protocols.PostgreSql;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>What a real server does with messages at the edge of the protocol, and what the agent makes of the same bytes: one test a fact.</summary>
public sealed class ConformanceTests : IAsyncLifetime
{
    private WireAgent agent = null!;

    public async ValueTask InitializeAsync() => agent = await WireAgent.Start();

    public ValueTask DisposeAsync() => agent.DisposeAsync();

    [Fact]
    public async Task P1_a_query_with_a_nul_inside_is_refused_and_the_session_lives()
    {
        using var client = await agent.Connect();
        Assert.Equal("E08P01 ZI", Story(await client.Ask(PgFrame.Of('Q', "SELECT 1\0; DROP TABLE t\0"u8))));
        Assert.Equal("E08P01 ZI", Story(await client.Ask(PgFrame.Of('Q', "SELECT 1"u8))));
        await client.StillWorks();
    }

    [Fact]
    public async Task P2_extended_messages_that_do_not_add_up_are_refused_and_the_session_lives()
    {
        using var client = await agent.Connect();
        foreach (var bad in new[]
        {
            PgFrame.Of('P', "\0SELECT 1\0; DROP TABLE t\0\0\0"u8), PgFrame.Of('P', "\0SELECT 1\0\0\x1"u8), PgFrame.Of('P', "\0SELECT 1\0\0\0\0"u8),
            PgFrame.Of('B', "\0\0\0\0\0\x1\0\0\0\x5"u8), PgFrame.Of('B', "\0\0\0\0\0\0\0\0\0"u8), PgFrame.Of('D', "X\0"u8), PgFrame.Of('D', "S"u8),
            PgFrame.Of('E', "\0\0\0\0"u8), PgFrame.Of('C', "S\0\0"u8), PgFrame.Of('H', "\0"u8),
        })
        {
            Assert.Equal("E08P01 ZI", Story(await client.Ask(bad, Sync)));
        }
        await client.StillWorks();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    public async Task P3_an_impossible_length_ends_the_connection(int length)
    {
        using var client = await agent.Connect();
        var message = PgFrame.Of('Q', "select 1\0"u8);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), length);
        await client.Send(message);
        Assert.Equal("08P01 invalid message length", await client.Refusal());
    }

    [Fact]
    public async Task P3_texts_beyond_a_megabyte_are_refused_and_the_session_lives()
    {
        using var client = await agent.Connect();
        var long1 = "select '" + new string('x', 3 * 1024 * 1024) + "'";
        Assert.Equal("E54000 ZI", Story(await client.Ask(Query(long1))));
        Assert.Equal("E54000 ZI", Story(await client.Ask(Parse("", long1), Bind("", ""), Execute(), Sync)));
        await client.StillWorks();
        var short1 = "select length('" + new string('x', 1024 * 1024 - 100) + "')";
        Assert.Equal("T D[1048476] C[SELECT 1] ZI", Story(await client.Ask(Query(short1))));
    }

    [Theory]
    [InlineData('z')]
    [InlineData('\0')]
    [InlineData('p')]
    [InlineData('W')]
    public async Task P4_an_unknown_type_ends_the_connection(char type)
    {
        using var client = await agent.Connect();
        await client.Send(PgFrame.Of(type, "\0"u8));
        Assert.Equal($"08P01 invalid frontend message type {(int)type}", await client.Refusal());
    }

    [Fact]
    public async Task P4b_stray_copy_messages_are_passed_over()
    {
        using var client = await agent.Connect();
        await client.Send(PgFrame.Of('d', "1\n"u8), PgFrame.Of('c', []), PgFrame.Of('f', "why\0"u8), PgFrame.Of('d', new byte[100_000]));
        await client.StillWorks();
    }

    [Fact]
    public async Task P10_after_a_failed_parse_everything_is_passed_over_up_to_sync()
    {
        using var client = await agent.Connect();
        await agent.Directly("create table p10 (a int)", $"grant all on p10 to {agent.Database}");
        Assert.Equal("E42P01 ZI", Story(await client.Ask(Parse("", "select nothing from nowhere"), Query("insert into p10 values (1)"), Sync)));
        Assert.Equal("E42601 ZI", Story(await client.Ask(Parse("", "this is refused by the agent"), Query("insert into p10 values (1)"), Sync)));
        Assert.Equal(0L, await agent.Ask("select count(*) from p10"));
        await client.StillWorks();
    }

    [Fact]
    public async Task P19_a_portal_can_be_described_between_two_executes()
    {
        using var client = await agent.Connect();
        Assert.Equal("1 2 D[1] D[2] s T D[3] C[SELECT 1] ZI", Story(await client.Ask(
            Parse("", "select generate_series(1, 3)"), Bind("p", ""), Execute("p", 2), Describe('P', "p"), Execute("p"), Sync)));
    }

    [Fact]
    public async Task P20_a_prepared_transaction_is_refused()
    {
        using var client = await agent.Connect();
        Assert.Equal("C[BEGIN] ZT E42501 ZE", Story([.. await client.Ask(Query("begin")), .. await client.Ask(Query("prepare transaction 'x'"))]));
        Assert.Equal("C[ROLLBACK] ZI", Story(await client.Ask(Query("commit"))));
    }

    [Theory]
    [InlineData(5)]
    [InlineData(64)]
    [InlineData(16_000)]
    public async Task Records_of_any_size_under_tls_give_the_same_answers(int size)
    {
        await using var tls = await WireAgent.Start(new WireOptions(Tls: true));
        using var client = await Dial(tls.Port);
        await client.AskForTls();
        var (user, password) = tls.Ticket();
        await client.Login(user, password, ("database", tls.Database));
        byte[] said = [.. Query("select 1"), .. Parse("a", "select $1::text"), .. Bind("", "a", new string('x', 40_000)), .. Execute(), .. Sync, .. Query("selec")];
        foreach (var record in said.Chunk(size))
        {
            await client.Send(record);
        }
        var got = new List<(char, byte[])>();
        for (var ready = 0; ready < 3; ready++)
        {
            got.AddRange(await client.UntilReady());
        }
        Assert.Equal($"T D[1] C[SELECT 1] ZI 1 2 D[{new string('x', 40_000)}] C[SELECT 1] ZI E42601 ZI", Story(got));
    }

    [Fact]
    public async Task Every_split_of_a_conversation_gives_the_same_answers()
    {
        byte[] conversation =
        [
            .. Query("select 1; select 2"), .. Parse("a", "select $1::text"), .. Describe('S', "a"), .. Sync, .. Bind("", "a", "x"), .. Execute(), .. Sync,
            .. Parse("", "selec"), .. Bind("", ""), .. Sync, .. Query("begin"), .. Query("prepare transaction 'x'"), .. Query("rollback"), .. Close('S', "a"), .. Sync,
        ];
        const string answers =
            "T D[1] C[SELECT 1] T D[2] C[SELECT 1] ZI 1 t T ZI 2 D[x] C[SELECT 1] ZI E42601 ZI C[BEGIN] ZT E42501 ZE C[ROLLBACK] ZI 3 ZI";
        foreach (var size in new[] { 1, 2, 3, 5, 7, 11, 64, conversation.Length })
        {
            using var client = await agent.Connect();
            for (var at = 0; at < conversation.Length; at += size)
            {
                await client.Send(conversation[at..Math.Min(conversation.Length, at + size)]);
            }
            var got = new List<(char, byte[])>();
            for (var ready = 0; ready < 8; ready++)
            {
                got.AddRange(await client.UntilReady());
            }
            Assert.Equal(answers, Story(got));
        }
    }
}
