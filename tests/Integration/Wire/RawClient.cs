using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text;
using AccessPlane.Agent.Protocols.PostgreSql;
using Xunit;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>A client that says exactly the bytes it is told to.</summary>
internal sealed class RawClient(Socket socket) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private Stream stream = new NetworkStream(socket, ownsSocket: false);

    public Socket Socket { get; } = socket;
    public int Pid { get; private set; }
    public int Secret { get; private set; }
    public Dictionary<string, string> Parameters { get; } = [];

    public static async Task<RawClient> Dial(int port, IPAddress? from = null)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (from is not null)
        {
            socket.Bind(new IPEndPoint(from, 0));
        }
        await socket.ConnectAsync(IPAddress.Loopback, port);
        return new RawClient(socket);
    }

    /// <summary>TLS from here on, with whoever calls itself `localhost`.</summary>
    public async Task<SslStream> StartTls(bool alpn = false, SslProtocols version = SslProtocols.None)
    {
        var tls = new SslStream(stream);
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.Subject == "CN=localhost",
            EnabledSslProtocols = version,
            ApplicationProtocols = alpn ? [new("postgresql")] : null,
        });
        stream = tls;
        return tls;
    }

    /// <summary>Asks for TLS as libpq does, and starts it.</summary>
    /// <param name="asked">Done once it is granted.</param>
    /// <param name="halfway">Done in the middle of the handshake: the server has shown its certificate, and waits for the client's last flight.</param>
    /// <returns>What watches the records that come.</returns>
    public async Task<RecordWatch> AskForTls(SslProtocols version = SslProtocols.None, Func<Task>? asked = null, Func<Task>? halfway = null)
    {
        await Send([0, 0, 0, 8, 4, 210, 22, 47]);
        var answer = new byte[1];
        await stream.ReadExactlyAsync(answer);
        Assert.Equal((byte)'S', answer[0]);
        await (asked?.Invoke() ?? Task.CompletedTask);
        var records = new RecordWatch(stream) { BeforeSecondFlight = halfway };
        stream = records;
        await StartTls(version: version);
        return records;
    }

    public async Task StillWorks() => Assert.Equal("T D[alive] C[SELECT 1] ZI", Story(await Ask(Query("select 'alive'"))));

    /// <summary>The error that is the last thing the other side says.</summary>
    public async Task<string> Refusal()
    {
        var answer = await Read();
        Assert.Equal('E', answer?.Type);
        Assert.Null(await Read());
        return $"{Field(answer!.Value.Body, 'C')} {Field(answer.Value.Body, 'M')}";
    }

    /// <summary>What it says is cut after every byte.</summary>
    public bool SendsByteByByte { get; set; }

    public async Task Send(params byte[][] messages)
    {
        var bytes = messages.SelectMany(m => m).ToArray();
        for (var at = 0; SendsByteByByte && at < bytes.Length - 1; at++)
        {
            await stream.WriteAsync(bytes.AsMemory(at, 1));
        }
        await stream.WriteAsync(SendsByteByByte ? bytes.AsMemory(bytes.Length - 1) : bytes);
        await stream.FlushAsync();
    }

    public static byte[] Startup(params (string Key, string Value)[] pairs) => StartupOf(0x30000, pairs);

    public static byte[] StartupOf(int version, params (string Key, string Value)[] pairs)
    {
        var body = PgFrame.OfTexts(' ', [.. pairs.SelectMany(p => new[] { p.Key, p.Value }), ""])[PgFrame.Header..];
        byte[] packet = [0, 0, 0, 0, 0, 0, 0, 0, .. body];
        BinaryPrimitives.WriteInt32BigEndian(packet, packet.Length);
        BinaryPrimitives.WriteInt32BigEndian(packet.AsSpan(4), version);
        return packet;
    }

    public async Task Login(string user, string password, params (string Key, string Value)[] more)
    {
        await Send(Startup([("user", user), .. more]));
        await Prove(password);
        var greeting = await UntilReady();
        foreach (var (type, body) in greeting)
        {
            if (type == 'K')
            {
                (Pid, Secret) = (BinaryPrimitives.ReadInt32BigEndian(body), BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(4)));
            }
            else if (type == 'S')
            {
                var texts = Encoding.UTF8.GetString(body).Split('\0');
                Parameters[texts[0]] = texts[1];
            }
        }
    }

    /// <summary>Answers a SCRAM exchange; an error instead of it is an exception with its text.</summary>
    /// <param name="beforeFirst">Done once the server has asked for the proof.</param>
    /// <param name="beforeLast">Done once it has said by what.</param>
    public async Task Prove(string password, Func<Task>? beforeFirst = null, Func<Task>? beforeLast = null)
    {
        await Expect('R');
        await (beforeFirst?.Invoke() ?? Task.CompletedTask);
        var scram = new ScramClient(null, false, Convert.ToBase64String(RandomNumberGenerator.GetBytes(18)), (salt, n) => ScramKeys.Derive(password, salt, n));
        var first = Encoding.ASCII.GetBytes(scram.First);
        var length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, first.Length);
        await Send(PgFrame.Of('p', [.. "SCRAM-SHA-256\0"u8, .. length, .. first]));
        var challenge = await Expect('R');
        await (beforeLast?.Invoke() ?? Task.CompletedTask);
        await Send(PgFrame.Of('p', Encoding.ASCII.GetBytes(scram.Final(Encoding.ASCII.GetString(challenge[4..]))!)));
        await Expect('R');
    }

    private async Task<byte[]> Expect(char expected)
    {
        var (type, body) = await Read() ?? throw new EndOfStreamException();
        return type == expected ? body : throw new WireError(Text(body));
    }

    /// <summary>Asks on a connection of its own that what runs for this one is cancelled.</summary>
    public async Task AskToCancel(int port)
    {
        using var side = await Dial(port);
        byte[] cancel = [0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 0, 0, 0, 0, 0];
        BinaryPrimitives.WriteInt32BigEndian(cancel.AsSpan(8), Pid);
        BinaryPrimitives.WriteInt32BigEndian(cancel.AsSpan(12), Secret);
        await side.Send(cancel);
        await side.Read(); // it closes when it was heard
    }

    public static byte[] Query(string sql) => PgFrame.OfTexts('Q', sql);
    public static byte[] Parse(string name, string sql) => PgFrame.Of('P', [.. Encoding.UTF8.GetBytes($"{name}\0{sql}\0"), 0, 0]);
    public static byte[] Execute(string portal = "", int rows = 0) =>
        PgFrame.Of('E', [.. Encoding.UTF8.GetBytes($"{portal}\0"), (byte)(rows >> 24), (byte)(rows >> 16), (byte)(rows >> 8), (byte)rows]);
    public static byte[] Describe(char kind, string name) => PgFrame.Of('D', [(byte)kind, .. Encoding.UTF8.GetBytes($"{name}\0")]);
    public static byte[] Close(char kind, string name) => PgFrame.Of('C', [(byte)kind, .. Encoding.UTF8.GetBytes($"{name}\0")]);
    public static byte[] Sync { get; } = PgFrame.Of('S', []);
    public static byte[] Flush { get; } = PgFrame.Of('H', []);
    public static byte[] Terminate { get; } = PgFrame.Of('X', []);

    public static byte[] Bind(string portal, string statement, params string?[] values) => Bind(portal, statement, [0, 0], values);

    /// <summary>The rows shall come in binary form.</summary>
    public static byte[] BindForBinary(string portal, string statement) => Bind(portal, statement, [0, 1, 0, 1], []);

    private static byte[] Bind(string portal, string statement, byte[] results, string?[] values)
    {
        var body = new List<byte>(Encoding.UTF8.GetBytes($"{portal}\0{statement}\0"));
        body.AddRange([0, 0, (byte)(values.Length >> 8), (byte)values.Length]);
        foreach (var value in values)
        {
            var bytes = value is null ? null : Encoding.UTF8.GetBytes(value);
            var length = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(length, bytes?.Length ?? -1);
            body.AddRange(length);
            body.AddRange(bytes ?? []);
        }
        body.AddRange(results);
        return PgFrame.Of('B', body.ToArray());
    }

    /// <summary>The next message; null when the other side has ended.</summary>
    public async Task<(char Type, byte[] Body)?> Read()
    {
        using var patience = new CancellationTokenSource(Patience);
        var header = new byte[5];
        try
        {
            if (await stream.ReadAtLeastAsync(header, 5, throwOnEndOfStream: false, patience.Token) < 5)
            {
                return null;
            }
            var body = new byte[BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(1)) - 4];
            await stream.ReadExactlyAsync(body, patience.Token);
            if (header[0] is (byte)'E' or (byte)'N')
            {
                HostSecrets.ClientWasTold("what a client was told", Encoding.UTF8.GetString(body));
            }
            return ((char)header[0], body);
        }
        catch (Exception reset) when (reset is IOException or SocketException)
        {
            return null;
        }
    }

    /// <summary>Everything up to ReadyForQuery, or to the end of the connection.</summary>
    public async Task<List<(char Type, byte[] Body)>> UntilReady()
    {
        var messages = new List<(char, byte[])>();
        while (await Read() is var (type, body))
        {
            messages.Add((type, body));
            if (type == 'Z')
            {
                break;
            }
        }
        return messages;
    }

    public async Task<List<(char Type, byte[] Body)>> Ask(params byte[][] messages)
    {
        await Send(messages);
        return await UntilReady();
    }

    /// <summary>What came, for people: `T D C Z`, errors with their code.</summary>
    public static string Story(IEnumerable<(char Type, byte[] Body)> messages) => string.Join(' ', messages.Select(m => m.Type switch
    {
        'E' => $"E{Field(m.Body, 'C')}",
        'Z' => $"Z{(char)m.Body[0]}",
        'C' => $"C[{Text(m.Body)}]",
        'D' => $"D[{string.Join('|', Columns(m.Body))}]",
        _ => m.Type.ToString(),
    }));

    public static string Field(byte[] error, char letter) => Encoding.UTF8.GetString(PgError.Field(error, letter));

    public static string Text(byte[] body) => Encoding.UTF8.GetString(body).TrimEnd('\0');

    public static IEnumerable<string> Columns(byte[] row) => Values(row).Select(v => v is null ? "null" : Encoding.UTF8.GetString(v));

    public static IEnumerable<byte[]?> Values(byte[] row)
    {
        var at = 2;
        for (var i = 0; i < BinaryPrimitives.ReadInt16BigEndian(row); i++)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(row.AsSpan(at));
            yield return length < 0 ? null : row[(at + 4)..(at + 4 + length)];
            at += 4 + Math.Max(length, 0);
        }
    }

    public void Dispose()
    {
        stream.Dispose();
        Socket.Dispose();
    }
}

internal sealed class WireError(string text) : Exception(text);
