using System.Buffers.Binary;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>The way in, as real servers and clients take it: encryption, the startup packet and its keys; one test a fact.</summary>
public sealed class StartupConformanceTests : IAsyncLifetime
{
    private WireAgent agent = null!;

    public async ValueTask InitializeAsync() => agent = await WireAgent.Start(new WireOptions(Tls: true));

    public ValueTask DisposeAsync() => agent.DisposeAsync();

    [Theory]
    [InlineData("user", "startup key `user` comes twice")]
    [InlineData("database", "startup key `database` comes twice")]
    [InlineData("application_name", "startup key `application_name` comes twice")]
    public async Task P5_a_startup_key_that_comes_twice_is_refused(string key, string why)
    {
        using var client = await Dial(agent.Port);
        await client.Send(Startup(("user", "t_1"), ("database", "x"), ("application_name", "a"), (key, "b")));
        Assert.Contains(why, await client.Refusal(), StringComparison.Ordinal);
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
        await client.StillWorks();
    }

    [Theory]
    [InlineData("2.0", 0x20000)]
    [InlineData("4.0", 0x40000)]
    public async Task P6_another_major_protocol_is_refused(string name, int version)
    {
        using var client = await Dial(agent.Port);
        await client.Send(StartupOf(version, ("user", "x")));
        Assert.Contains($"unsupported frontend protocol {name}", await client.Refusal(), StringComparison.Ordinal);
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
        var refusal = await client.Refusal();
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
        Assert.Contains("twice", await client.Refusal(), StringComparison.Ordinal);

        using var inside = await Dial(agent.Port);
        await inside.Send(ssl);
        await inside.Socket.ReceiveAsync(answer);
        Assert.Equal((byte)'S', answer[0]);
        await using var tls = await inside.StartTls(alpn: false);
        await inside.Send(ssl);
        Assert.Contains("under encryption", await inside.Refusal(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task P9b_direct_tls_needs_the_protocols_name(bool alpn)
    {
        using var client = await Dial(agent.Port);
        await using var tls = await client.StartTls(alpn);
        if (!alpn)
        {
            Assert.Null(await client.Read());
            return;
        }
        var (user, password) = agent.Ticket();
        await client.Login(user, password, ("database", agent.Database));
        await client.StillWorks();
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
        Assert.Equal("08P01 invalid length of startup packet", await client.Refusal());
    }
}
