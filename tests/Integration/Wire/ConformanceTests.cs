using System.Buffers.Binary;
using System.Net.Security;
using AccessPlane.Agent.Protocols.PostgreSql;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>What a real server does with bytes at the edge of the protocol, and what the agent makes of the same bytes: one test a fact.</summary>
public sealed class ConformanceTests : IAsyncLifetime
{
    private WireAgent agent = null!;

    public async ValueTask InitializeAsync() => agent = await WireAgent.Start(new WireOptions(Tls: true));

    public ValueTask DisposeAsync() => agent.DisposeAsync();

    private static async Task StillWorks(RawClient client) => Assert.Equal("T D[alive] C[SELECT 1] ZI", Story(await client.Ask(Query("select 'alive'"))));

    private static async Task<string> Refusal(RawClient client)
    {
        var answer = await client.Read();
        Assert.Equal('E', answer?.Type);
        Assert.Null(await client.Read());
        return $"{Field(answer!.Value.Body, 'C')} {Field(answer.Value.Body, 'M')}";
    }

    [Fact]
    public async Task P1_a_query_with_a_nul_inside_is_refused_and_the_session_lives()
    {
        using var client = await agent.Connect();
        Assert.Equal("E08P01 ZI", Story(await client.Ask(PgFrame.Of('Q', "SELECT 1\0; DROP TABLE t\0"u8))));
        Assert.Equal("E08P01 ZI", Story(await client.Ask(PgFrame.Of('Q', "SELECT 1"u8))));
        await StillWorks(client);
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
        await StillWorks(client);
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
        Assert.Equal("08P01 invalid message length", await Refusal(client));
    }

    [Fact]
    public async Task P3_texts_beyond_a_megabyte_are_refused_and_the_session_lives()
    {
        using var client = await agent.Connect();
        var long1 = "select '" + new string('x', 3 * 1024 * 1024) + "'";
        Assert.Equal("E54000 ZI", Story(await client.Ask(Query(long1))));
        Assert.Equal("E54000 ZI", Story(await client.Ask(Parse("", long1), Bind("", ""), Execute(), Sync)));
        await StillWorks(client);
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
        Assert.Equal($"08P01 invalid frontend message type {(int)type}", await Refusal(client));
    }

    [Fact]
    public async Task P4b_stray_copy_messages_are_passed_over()
    {
        using var client = await agent.Connect();
        await client.Send(PgFrame.Of('d', "1\n"u8), PgFrame.Of('c', []), PgFrame.Of('f', "why\0"u8), PgFrame.Of('d', new byte[100_000]));
        await StillWorks(client);
    }

    [Theory]
    [InlineData("user", "startup key `user` comes twice")]
    [InlineData("database", "startup key `database` comes twice")]
    [InlineData("application_name", "startup key `application_name` comes twice")]
    public async Task P5_a_startup_key_that_comes_twice_is_refused(string key, string why)
    {
        using var client = await Dial(agent.Port);
        await client.Send(Startup(("user", "t_1"), ("database", "x"), ("application_name", "a"), (key, "b")));
        Assert.Contains(why, await Refusal(client), StringComparison.Ordinal);
    }

    [Fact]
    public async Task P6_a_newer_protocol_and_its_options_are_negotiated_down()
    {
        using var client = await Dial(agent.Port);
        var (user, password) = agent.Ticket();
        await client.Send(StartupOf(0x30002, ("user", user), ("_pq_.some", "1"), ("_pq_.other", "2")));
        var (type, body) = (await client.Read())!.Value;
        Assert.Equal('v', type);
        Assert.Equal([0, 3, 0, 0, 0, 0, 0, 2, .. "_pq_.some\0_pq_.other\0"u8], body);
        await client.Prove(password);
        Assert.Equal('Z', (await client.UntilReady())[^1].Type);
        await StillWorks(client);
    }

    [Theory]
    [InlineData("2.0", 0x20000)]
    [InlineData("4.0", 0x40000)]
    public async Task P6_another_major_protocol_is_refused(string name, int version)
    {
        using var client = await Dial(agent.Port);
        await client.Send(StartupOf(version, ("user", "x")));
        Assert.Contains($"unsupported frontend protocol {name}", await Refusal(client), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("replication", "yes")]
    [InlineData("replication", "database")]
    [InlineData("Replication", "off")]
    [InlineData("options", "-c search_path=x")]
    [InlineData("options", "--role=x")]
    [InlineData("client_encoding", "SJIS")]
    [InlineData("client_encoding", "LATIN1")]
    [InlineData("search_path", "x")]
    [InlineData("role", "postgres")]
    [InlineData("work_mem", "1GB")]
    [InlineData("standard_conforming_strings", "off")]
    public async Task P7_startup_keys_outside_the_list_are_refused_by_name(string key, string value)
    {
        using var client = await Dial(agent.Port);
        await client.Send(Startup(("user", "t_1"), (key, value)));
        var refusal = await Refusal(client);
        Assert.True(refusal.Contains(key, StringComparison.Ordinal) || refusal.Contains(value, StringComparison.Ordinal) || key == "Replication", refusal);
    }

    [Fact]
    public async Task P7b_the_keys_of_the_list_reach_the_server_and_nothing_shows_the_agents_login()
    {
        using var client = await agent.Connect(
            ("application_name", "täst"), ("client_encoding", "'utf-8'"), ("DateStyle", "German, DMY"), ("timezone", "Asia/Tokyo"),
            ("extra_float_digits", "2"), ("intervalstyle", "iso_8601"), ("options", " "));
        Assert.Equal("t?st", client.Parameters["application_name"]);
        Assert.Equal("German, DMY", client.Parameters["DateStyle"]);
        Assert.Equal("UTF8", client.Parameters["client_encoding"]);
        Assert.DoesNotContain("session_authorization", client.Parameters.Keys);
        Assert.Equal("T D[Asia/Tokyo] C[SHOW] ZI", Story(await client.Ask(Query("show timezone"))));
        Assert.Equal("T D[2] C[SHOW] ZI", Story(await client.Ask(Query("show extra_float_digits"))));
    }

    [Fact]
    public async Task P8_a_cancel_with_the_sessions_key_cancels_and_any_other_is_silent()
    {
        using var client = await agent.Connect();
        await client.Send(Query("select pg_sleep(30)"));
        await Running("pg_sleep");
        foreach (var (pid, secret) in new[] { (client.Pid, client.Secret ^ 1), (client.Pid ^ 1, client.Secret), (0, 0) })
        {
            await Cancel(pid, secret);
        }
        Assert.Equal(1L, await agent.Ask($"select count(*) from pg_stat_activity where usename = '{agent.Database}' and state = 'active'"));
        await Cancel(client.Pid, client.Secret);
        Assert.Equal("T E57014 ZI", Story(await client.UntilReady()));
        await StillWorks(client);
        Assert.Contains(agent.Transcript(), l => l.Contains("\"kind\":\"cancel\"", StringComparison.Ordinal));
        Assert.Contains(agent.Transcript(), l => l.Contains("\"outcome\":\"cancelled\"", StringComparison.Ordinal));
    }

    private async Task Cancel(int pid, int secret)
    {
        using var other = await Dial(agent.Port);
        byte[] request = [0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 0, 0, 0, 0, 0];
        BinaryPrimitives.WriteInt32BigEndian(request.AsSpan(8), pid);
        BinaryPrimitives.WriteInt32BigEndian(request.AsSpan(12), secret);
        await other.Send(request);
        Assert.Null(await other.Read()); // it closes, whatever the key
    }

    private async Task Running(string text)
    {
        var sql = $"select count(*) from pg_stat_activity where usename = '{agent.Database}' and state = 'active' and query like '%{text}%'";
        for (var i = 0; i < 1000 && await agent.Ask(sql) is 0L; i++)
        {
            await Task.Delay(5);
        }
    }

    [Fact]
    public async Task P9_bytes_behind_the_request_for_tls_end_the_connection()
    {
        using var client = await Dial(agent.Port);
        await client.Send([0, 0, 0, 8, 4, 210, 22, 47, .. Startup(("user", "t_1"))]);
        var answers = new byte[1];
        // refused before TLS, or inside TLS's handshake where the bytes are no handshake: never read as a startup
        var got = await client.Socket.ReceiveAsync(answers);
        Assert.True(got == 0 || answers[0] is (byte)'E' or (byte)'S');
        if (got > 0 && answers[0] == 'S')
        {
            var rest = new byte[1000];
            var more = await client.Socket.ReceiveAsync(rest);
            Assert.True(more == 0 || rest[0] == 0x15, "a TLS alert, not an answer"); // alert
        }
    }

    [Fact]
    public async Task P9b_encryption_is_asked_for_once()
    {
        byte[] ssl = [0, 0, 0, 8, 4, 210, 22, 47], gss = [0, 0, 0, 8, 4, 210, 22, 48];
        using var client = await Dial(agent.Port);
        await client.Send(gss);
        var answer = new byte[1];
        await client.Socket.ReceiveAsync(answer);
        Assert.Equal((byte)'N', answer[0]);
        await client.Send(gss);
        Assert.Contains("twice", await Refusal(client), StringComparison.Ordinal);

        using var inside = await Dial(agent.Port);
        await inside.Send(ssl);
        await inside.Socket.ReceiveAsync(answer);
        Assert.Equal((byte)'S', answer[0]);
        await using var tls = await Encrypted(inside, alpn: false);
        await inside.Send(ssl);
        Assert.Contains("under encryption", await Refusal(inside), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task P9b_direct_tls_needs_the_protocols_name(bool alpn)
    {
        using var client = await Dial(agent.Port);
        await using var tls = await Encrypted(client, alpn);
        if (!alpn)
        {
            Assert.Null(await client.Read());
            return;
        }
        var (user, password) = agent.Ticket();
        await client.Login(user, password, ("database", agent.Database));
        await StillWorks(client);
    }

    private static async Task<SslStream> Encrypted(RawClient client, bool alpn)
    {
        var tls = new SslStream(new System.Net.Sockets.NetworkStream(client.Socket));
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.Subject == "CN=localhost",
            ApplicationProtocols = alpn ? [new("postgresql")] : null,
        });
        client.Encrypt(tls);
        return tls;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(10_001)]
    [InlineData(-5)]
    public async Task P9c_a_startup_packet_of_an_impossible_length_is_refused(int length)
    {
        using var client = await Dial(agent.Port);
        var packet = new byte[8];
        BinaryPrimitives.WriteInt32BigEndian(packet, length);
        packet[5] = 3;
        await client.Send(packet);
        Assert.Equal("08P01 invalid length of startup packet", await Refusal(client));
    }

    [Fact]
    public async Task P10_after_a_failed_parse_everything_is_passed_over_up_to_sync()
    {
        using var client = await agent.Connect();
        await agent.Directly("create table p10 (a int)", $"grant all on p10 to {agent.Database}");
        Assert.Equal("E42P01 ZI", Story(await client.Ask(Parse("", "select nothing from nowhere"), Query("insert into p10 values (1)"), Sync)));
        Assert.Equal("E42601 ZI", Story(await client.Ask(Parse("", "this is refused by the agent"), Query("insert into p10 values (1)"), Sync)));
        Assert.Equal(0L, await agent.Ask("select count(*) from p10"));
        await StillWorks(client);
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
