using System.Security.Cryptography;
using AccessPlane.Agent.Protocols.PostgreSql;
using Xunit;
using static AccessPlane.Tests.Unit.Wire.Frames;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>A decoder consumes a message exactly, or refuses it: what it understood, written down again, is the message to the byte.</summary>
public sealed class DecoderTests
{
    private static byte[] Body(byte[] frame) => frame[PgFrame.Header..];

    private static readonly (string What, byte[] Body, Func<byte[], byte[]?> Again)[] Messages =
    [
        ("Query", Body(Query("select 1")), QueryAgain),
        ("Parse", [.. Text("name"), .. Text("select $1, $2"), 0, 2, .. Int32(23), .. Int32(25)], ParseAgain),
        ("Bind", [.. Text("p"), .. Text("s"), 0, 2, 0, 1, 0, 0, 0, 2, .. Int32(3), 1, 2, 3, .. Int32(-1), 0, 1, 0, 1], BindAgain),
        ("Bind", BindBody("", "s", [7], null, []), BindAgain),
        ("Describe", Body(Describe('S', "name")), NamedAgain),
        ("Close", Body(Close('P', "")), NamedAgain),
        ("Execute", Body(Execute("p", 100)), ExecuteAgain),
    ];

    private static byte[]? QueryAgain(byte[] body) => PgQuery.TryRead(body, out var message) ? [.. message.Text, 0] : null;

    private static byte[]? ParseAgain(byte[] body) => PgParse.TryRead(body, out var message)
        ? [.. message.Name, 0, .. message.Text, 0, .. body.AsSpan(message.Name.Length + message.Text.Length + 2)]
        : null;

    private static byte[]? BindAgain(byte[] body)
    {
        if (!PgBind.TryRead(body, out var m))
        {
            return null;
        }
        var formats = m.Parameters.Formats;
        var count = m.Parameters.Count;
        byte[] head = [.. m.Portal, 0, .. m.Statement, 0, (byte)(formats.Length >> 9), (byte)(formats.Length >> 1), .. formats, (byte)(count >> 8), (byte)count];
        Assert.Equal(m.ValuesAt, head.Length);
        Assert.True(PgBind.TryReadHead(body, out var again, out var parameters) && again.ValuesAt == head.Length && parameters == count);
        var end = head.Length + m.Parameters.Values.Length;
        Assert.Equal(body.Length, end + 2 + (2 * ((body[end] << 8) | body[end + 1])));
        return [.. head, .. m.Parameters.Values, .. body.AsSpan(end)];
    }

    private static byte[]? NamedAgain(byte[] body) => PgNamed.TryRead(body, out var message) ? [(byte)(message.IsPortal ? 'P' : 'S'), .. message.Name, 0] : null;

    private static byte[]? ExecuteAgain(byte[] body) => PgExecute.TryRead(body, out var message) ? [.. message.Portal, 0, .. body.AsSpan(message.Portal.Length + 1)] : null;

    [Fact]
    public void What_is_read_is_the_whole_message_and_no_beginning_of_it_nor_more_than_it_is_one()
    {
        foreach (var (what, body, again) in Messages)
        {
            Assert.Equal(body, again(body));
            for (var length = 0; length < body.Length; length++)
            {
                Assert.True(again(body[..length]) is null, $"{what} cut off at {length}");
            }
            Assert.True(again([.. body, 0]) is null, $"{what} and a byte");
            Assert.True(again([.. body, .. body]) is null, $"{what} twice");
        }
    }

    [Fact]
    public void Whatever_happened_to_a_message_it_is_read_exactly_or_not_at_all()
    {
        var noise = new Noise(1);
        for (var i = 0; i < 50_000; i++)
        {
            var (_, body, again) = Messages[noise.Below(Messages.Length)];
            for (var times = noise.Below(3); times >= 0; times--)
            {
                body = noise.Mutated(body);
            }
            Assert.True(again(body) is not { } same || same.AsSpan().SequenceEqual(body), Convert.ToHexString(body));
        }
    }

    [Theory]
    [InlineData(new byte[] { 0, 0, 0, 1, 0, 2, 0, 0, 0, 0 })] // a format that there is not
    [InlineData(new byte[] { 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0 })] // two formats for no value
    [InlineData(new byte[] { 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe, 0, 0 })] // a value of length -2
    [InlineData(new byte[] { 0, 0, 0xff, 0xff, 0, 0, 0, 0 })]
    public void A_bind_that_means_nothing_is_refused(byte[] body) => Assert.False(PgBind.TryRead(body, out _));

    [Fact]
    public void A_long_bind_is_walked_exactly_in_whatever_pieces_it_comes()
    {
        var noise = new Noise(2);
        for (var i = 0; i < 300; i++)
        {
            var values = Enumerable.Range(0, noise.Below(5)).Select(_ => noise.OnceIn(4) ? null : new byte[noise.Below(300)]).ToArray();
            var body = BindBody("p", "s", values);
            Assert.True(PgBind.TryReadHead(body, out var head, out var count));
            var rest = body[head.ValuesAt..];
            var bind = new PgLongBind(9, count, rest.Length);
            Assert.True(Fed(bind, rest, noise));
            var hashed = rest[..^2];
            Assert.Equal($"operation 9: {hashed.Length} bytes of parameters, sha-256 {Convert.ToHexStringLower(SHA256.HashData(hashed))}", bind.Note());
            // a message that says it is longer or shorter than its fields
            Assert.False(Fed(new PgLongBind(9, count, rest.Length + 1), [.. rest, 0], noise));
            Assert.False(Fed(new PgLongBind(9, count, rest.Length - 1), rest[..^1], noise));
            Assert.False(Fed(new PgLongBind(9, count + 1, rest.Length), rest, noise));
        }
    }

    private static bool Fed(PgLongBind bind, byte[] bytes, Noise noise)
    {
        var good = true;
        for (var at = 0; at < bytes.Length && good;)
        {
            var piece = Math.Min(bytes.Length - at, 1 + noise.Below(40));
            good = bind.Read(bytes.AsSpan(at, piece));
            at += piece;
        }
        return good;
    }

    [Fact]
    public void A_long_bind_reads_or_refuses_what_the_short_one_reads_or_refuses()
    {
        var noise = new Noise(3);
        for (var i = 0; i < 20_000; i++)
        {
            var body = noise.Mutated(BindBody("", "s", [1, 2, 3], null, new byte[noise.Below(20)]));
            if (PgBind.TryReadHead(body, out var head, out var count) && head.ValuesAt < body.Length)
            {
                var walked = Fed(new PgLongBind(1, count, body.Length - head.ValuesAt), body[head.ValuesAt..], noise);
                Assert.Equal(PgBind.TryRead(body, out _), walked);
            }
        }
    }

    [Theory]
    [InlineData("INSERT 0 5", 5L)]
    [InlineData("SELECT 0", 0L)]
    [InlineData("UPDATE 9223372036854775807", long.MaxValue)]
    [InlineData("UPDATE 9223372036854775808", null)]
    [InlineData("UPDATE -5", null)]
    [InlineData("UPDATE +5", null)]
    [InlineData("UPDATE 5x", null)]
    [InlineData("UPDATE ", null)]
    [InlineData("CREATE TABLE", null)]
    [InlineData("5", null)]
    [InlineData("", null)]
    public void The_rows_that_a_tag_tells_are_a_number_or_nothing(string tag, long? rows) =>
        Assert.Equal(rows, PgOperations.Affected(System.Text.Encoding.ASCII.GetBytes(tag)));

    [Fact]
    public void The_unanswered_are_a_queue_whatever_comes_and_goes()
    {
        var (queue, model, noise) = (new PgUnanswered(), new Queue<Ask>(), new Noise(4));
        for (var i = 0; i < 8_000; i++)
        {
            if (noise.Below(5) < 3 || model.Count == 0)
            {
                var ask = (Ask)noise.Below(8);
                queue.Add(ask);
                model.Enqueue(ask);
            }
            else
            {
                Assert.Equal(model.Dequeue(), queue[0].Ask);
                queue.RemoveFirst();
            }
            Assert.Equal(model.Count, queue.Count);
            Assert.Equal(model.Count(a => a is Ask.Sync or Ask.Query), queue.UnitEnds);
            Assert.Equal(model.TakeWhile(a => a != Ask.Sync).Count(), queue.UpToSync());
        }
    }
}
