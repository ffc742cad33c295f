using AccessPlane.Agent.Protocols.PostgreSql;
using Xunit;
using static AccessPlane.Tests.Unit.Wire.Frames;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>The first thing that a stranger says: read exactly, or refused with a stop; never anything else.</summary>
public sealed class StartupTests
{
    private static byte[] Packet(params string[] texts) => [0, 3, 0, 0, .. texts.SelectMany(Text), 0];

    private static string Refusal(byte[] packet) => Assert.Throws<PgStop>(() => PgStartup.Read(packet)).Message;

    [Fact]
    public void A_packet_is_read_once_and_by_its_keys()
    {
        var startup = PgStartup.Read(Packet("user", "t_1", "database", "orders", "TimeZone", "UTC", "application_name", "psql", "_pq_.x", "1"));
        Assert.Equal(("t_1", "orders", "psql"), (startup.User, startup.Database, startup.Application));
        Assert.Equal("UTC", startup.Settings["TimeZone"]);
        Assert.Equal(["_pq_.x"], startup.NotSpoken);
    }

    [Fact]
    public void No_beginning_of_a_packet_is_one_and_nothing_may_follow_it()
    {
        var packet = Packet("user", "t_1", "database", "orders");
        for (var length = 4; length < packet.Length; length++)
        {
            Refusal(packet[..length]);
        }
        Refusal([.. packet, 0]);
        Refusal([.. packet, .. packet]);
    }

    [Fact]
    public void Whatever_happened_to_a_packet_it_is_read_or_refused()
    {
        var noise = new Noise(5);
        var packet = Packet("user", "t_1", "database", "orders", "DateStyle", "ISO", "client_encoding", "UTF8", "options", "");
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = noise.Mutated(noise.Mutated(packet));
            if (bytes.Length < 4)
            {
                continue; // the channel takes no shorter ones
            }
            try
            {
                Assert.NotEmpty(PgStartup.Read(bytes).User);
            }
            catch (PgStop stop)
            {
                Assert.NotEmpty(stop.Message);
            }
        }
    }

    [Theory]
    [InlineData("bad\nforged log line")]
    [InlineData("bad\u001b[2J")]
    [InlineData("bad\u202ekey")]
    public void What_a_stranger_calls_a_key_cannot_write_lines_of_its_own_into_the_log(string key) =>
        Assert.DoesNotContain(Refusal(Packet("user", "t_1", key, "1")), c => c is < ' ' or > '~');

    [Theory]
    [InlineData("user", "t_1\nforged")]
    [InlineData("database", "orders\u001b[2J")]
    [InlineData("TimeZone", "UTC\r")]
    public void Nothing_is_named_by_control_characters(string key, string value) =>
        Assert.Equal($"the startup key `{key}` holds control characters", Refusal(Packet(key, value)));

    [Fact]
    public void What_an_application_calls_itself_is_made_printable() =>
        Assert.Equal("a?b", PgStartup.Read(Packet("user", "t_1", "application_name", "a\nb")).Application);

    [Fact]
    public void A_long_key_is_not_said_back_at_length() =>
        Assert.InRange(Refusal(Packet("user", "t_1", new string('k', 9000), "1")).Length, 1, 300);
}
