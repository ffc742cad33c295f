using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Tests.Unit.Wire;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>
/// A database that was taken over while sessions are open: it can end the session it answers to, with a word to the client and in the record, and
/// nothing else. Alone on the machine, because memory is counted.
/// </summary>
[Collection(nameof(LargeDataTests))]
public sealed class HostileUpstreamTests : IAsyncLifetime
{
    private const int Much = 128 * 1024 * 1024;
    private const long MostAllocated = 24 * 1024 * 1024;
    private FakeServer server = null!;
    private WireAgent agent = null!;
    private RawClient other = null!;

    public async ValueTask InitializeAsync()
    {
        server = new FakeServer { Speak = Answer };
        agent = await Start(new WireOptions(UpstreamHost: "127.0.0.1", UpstreamPort: server.Port));
        other = await agent.Connect();
    }

    public async ValueTask DisposeAsync()
    {
        other.Dispose();
        await agent.DisposeAsync();
        await server.DisposeAsync();
    }

    private static byte[] Description(int columns) =>
        Frames.Answer('T', [(byte)(columns >> 8), (byte)columns, .. Enumerable.Repeat(new byte[19], columns).SelectMany(c => c)]);

    private static async Task Answer(string sql, Stream to)
    {
        switch (sql[(sql.IndexOf('\'', StringComparison.Ordinal) + 1)..^1])
        {
            case "a negative length":
                await to.WriteAsync((byte[])[.. Description(1), .. Frames.Lying('D', -1, 0, 0)]);
                break;
            case "a length of 2^31":
                await to.WriteAsync(Frames.Lying('C', int.MinValue, 0, 0));
                break;
            case "a length beyond everything":
                await to.WriteAsync((byte[])[.. Description(1), .. Frames.Lying('D', int.MaxValue, new byte[1000])]);
                break;
            case "nonsense":
                await to.WriteAsync(Enumerable.Repeat((byte)0xee, 1000).ToArray());
                break;
            case "a question for a password":
                await to.WriteAsync(Frames.Answer('R', 0, 0, 0, 3));
                break;
            case "another language":
                await to.WriteAsync(PgFrame.OfTexts('S', "client_encoding", "SJIS"));
                break;
            case "half a row":
                await to.WriteAsync((byte[])[.. Description(1), .. Frames.Lying('D', 1 << 29, new byte[100_000])]);
                to.Close();
                break;
            case "an error without a code":
                await to.WriteAsync((byte[])[.. Frames.Answer('E', "SERROR\0Mno\0\0"u8.ToArray()), .. Frames.Ready('I')]);
                break;
            case "1665 columns":
                await to.WriteAsync((byte[])[.. Description(1665), .. Frames.Answer('D', [6, 129, .. Enumerable.Repeat((byte)0xff, 1665 * 4)]), .. Frames.Complete("SELECT 1"), .. Frames.Ready('I')]);
                break;
            case "endless notices":
                await Endless(to, Frames.Answer('N', "SNOTICE\0C00000\0M"u8.ToArray()), 8000);
                break;
            case "endless settings":
                await Endless(to, Frames.Answer('S', "TimeZone\0"u8.ToArray()), 8000);
                break;
            case "a row of a gigabyte":
                await to.WriteAsync((byte[])[.. Description(1), .. Frames.Lying('D', PgFrame.MaxLength, 0, 1)]);
                await Endless(to, [], 64 * 1024);
                break;
            default:
                await to.WriteAsync((byte[])[.. Frames.Complete("SELECT 0"), .. Frames.Ready('I')]);
                break;
        }
    }

    /// <param name="start">The start of each message; none for bytes alone.</param>
    private static async Task Endless(Stream to, byte[] start, int length)
    {
        byte[] body = [.. start.Skip(PgFrame.Header), .. Enumerable.Repeat((byte)'x', length), .. start.Length > 0 ? (byte[])[0, 0] : []];
        var message = start.Length == 0 ? body : PgFrame.Of((char)start[0], start[0] == 'S' ? body[..^1] : body);
        while (true)
        {
            await to.WriteAsync(message);
        }
    }

    private async Task OthersGoOn()
    {
        Assert.Equal("C[SELECT 0] ZI", Story(await other.Ask(Query("select 'anything'"))));
        await Until(() => Task.FromResult(agent.Live.Count == 1));
        using var next = await agent.Connect();
        Assert.Equal("C[SELECT 0] ZI", Story(await next.Ask(Query("select 'anything'"))));
    }

    [Theory]
    [InlineData("a negative length", "a message of an impossible length")]
    [InlineData("a length of 2^31", "a message of an impossible length")]
    [InlineData("a length beyond everything", "a message of an impossible length")]
    [InlineData("nonsense", "a message of an impossible length")]
    [InlineData("a question for a password", "`R` out of turn")]
    [InlineData("another language", "the setting `client_encoding` changed")]
    public async Task What_no_database_says_ends_the_session_with_a_word_about_it(string lie, string why)
    {
        using var client = await agent.Connect();
        var answer = await client.Ask(Query($"select '{lie}'"));
        Assert.Equal("E08P01", Story(answer[^1..]));
        Assert.Contains(why, Field(answer[^1].Body, 'M'), StringComparison.Ordinal);
        await OthersGoOn();
        Assert.Contains(agent.Transcript(), l => l.Contains("\"cause\":\"protocol\"", StringComparison.Ordinal) && l.Contains(why, StringComparison.Ordinal));
        Assert.Contains(agent.Transcript(), l => l.Contains("\"outcome\":\"unknown\"", StringComparison.Ordinal));
        FaultReport.Saw($"{lie}: its session ended with 08P01, `{why}`; the others went on, its statement is recorded as unknown");
    }

    [Fact]
    public async Task A_server_that_goes_in_the_middle_of_a_row_ends_the_session_and_what_it_did_is_not_known()
    {
        using var client = await agent.Connect();
        await client.Send(Query("select 'half a row'"));
        Assert.Equal('T', (await client.Read())!.Value.Type);
        Assert.Null(await client.Read()); // no farewell in the middle of a row
        await OthersGoOn();
        Assert.Contains(agent.Transcript(), l => l.Contains("\"cause\":\"upstream\"", StringComparison.Ordinal));
        Assert.Contains(agent.Transcript(), l => l.Contains("\"outcome\":\"unknown\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_odd_and_fits_passes_and_is_recorded()
    {
        using var client = await agent.Connect();
        Assert.Equal("E ZI", Story(await client.Ask(Query("select 'an error without a code'"))));
        var wide = await client.Ask(Query("select '1665 columns'"));
        Assert.Equal("T D C Z", string.Join(' ', wide.Select(m => m.Type)));
        Assert.Equal(1665, Columns(wide[1].Body).Count());
        await client.Send(Terminate);
        await OthersGoOn();
        Assert.Contains(agent.Transcript(), l => l.Contains("\"outcome\":\"failed\"", StringComparison.Ordinal));
        Assert.Contains(agent.Transcript(), l => l.Contains("\"rows\":1", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("endless notices")]
    [InlineData("endless settings")]
    [InlineData("a row of a gigabyte")]
    public async Task What_has_no_end_passes_as_it_comes_is_not_kept_and_ends_with_its_client(string lie)
    {
        using var client = await agent.Connect();
        var before = GC.GetTotalAllocatedBytes(precise: true);
        await client.Send(Query($"select '{lie}'"));
        var buffer = new byte[64 * 1024];
        for (long got = 0; got < Much;)
        {
            got += await client.Socket.ReceiveAsync(buffer);
        }
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, MostAllocated);
        Assert.Equal("C[SELECT 0] ZI", Story(await other.Ask(Query("select 'anything'")))); // meanwhile
        client.Socket.Close(0);
        await OthersGoOn();
        Assert.Contains(agent.Transcript(), l => l.Contains("\"cause\":\"closed\"", StringComparison.Ordinal));
    }
}
