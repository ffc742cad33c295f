using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using AccessPlane.Agent.Gate;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// A client's proof of who it is, and the Gate's answer. A user name `t_…` is a ticket, proven by SCRAM; under `oauth` an OIDC token comes by OAUTHBEARER,
/// under any other name as the password: a server can ask for one of them alone. Whoever has proven nothing gets one answer, whatever was wrong.
/// </summary>
internal sealed class PgLogin(PgDoor door, PgChannel channel, PgStartup startup, string client)
{
    private const int LongestToken = 16 * 1024;
    private const int LongestScram = 2048;
    private const int LongestBearer = LongestToken + 1024;
    private static readonly byte[] MockSecret = RandomNumberGenerator.GetBytes(32);

    private bool told;

    /// <summary>Called once the client has proven who it is: from then on it holds no stranger's place at the door, and others may let it wait.</summary>
    public Action Proven { get; init; } = () => { };

    public async Task<(Permit Permit, string Database)> Run(IPAddress address, CancellationToken cancel)
    {
        var admission = startup.User.StartsWith("t_", StringComparison.Ordinal)
            ? await ByTicket(address, cancel)
            : OAuthBearer.NameIn(startup.User) is { } name ? await ByBearer(name, cancel) : await ByPassword(cancel);
        return admission switch
        {
            (Admission.Admitted admitted, var database) => (admitted.Permit, database),
            (Admission.Refused { Unproven: false } refused, _) => throw new PgStop(PgError.NotAuthorized, refused.Refusal.Detail),
            _ => throw Unproven(),
        };
    }

    /// <summary>Tells a client that waits what it waits for, before it may ask anything.</summary>
    public async ValueTask Tell(string line)
    {
        await Accept();
        await channel.Send(PgError.Notice(line));
    }

    /// <summary>AuthenticationOk, once.</summary>
    public async ValueTask Accept()
    {
        if (!told)
        {
            told = true;
            await channel.Send(Authentication(0, []));
        }
    }

    /// <summary>A ticket's secret never travels, but what is asked and answered behind it does: in clear it leaves this host under no configuration.</summary>
    internal static bool MayBeInClear(IPAddress client, bool allowed) => allowed && IPAddress.IsLoopback(client);

    private async Task<(Admission, string)> ByTicket(IPAddress address, CancellationToken cancel)
    {
        if (!channel.Wire.IsTls && !MayBeInClear(address, door.TicketsInClear))
        {
            throw new PgStop(PgError.NotAuthorized, "this agent takes logins under tls only: use sslmode=require");
        }
        var offer = door.Gate.FindTicket(door.Resource, startup.User);
        // the same exchange, in the same steps, for a ticket that nobody has
        var verifier = offer is null ? ScramVerifier.Mock(MockSecret, startup.User) : ScramVerifier.Parse(offer.Verifier);
        var final = await Scram(verifier);
        if (offer is null || final is null)
        {
            throw Unproven();
        }
        // libpq fills an unnamed database in with the user's name
        var database = startup.Database == startup.User ? offer.Database : startup.Database;
        var admission = await door.Gate.AdmitTicket(door.Resource, startup.User, database, cancel);
        if (admission is Admission.Admitted { Permit: var permit })
        {
            await TellProof(final, permit);
        }
        return (admission, database);
    }

    /// <summary>Who is gone before that is heard is not inside.</summary>
    private async Task TellProof(string final, Permit permit)
    {
        try
        {
            await channel.Send(Authentication(12, Encoding.ASCII.GetBytes(final)));
        }
        catch
        {
            permit.Dispose();
            door.Gate.NotOpened(permit);
            throw;
        }
    }

    /// <returns>The server's last message; null when nothing was proven.</returns>
    private async Task<string?> Scram(ScramVerifier verifier)
    {
        var binding = channel.Wire.IsTls ? door.Encryption.Binding : null;
        var mechanisms = binding is null ? $"{ScramServer.Plain}\0\0" : $"{ScramServer.Plus}\0{ScramServer.Plain}\0\0";
        var scram = new ScramServer(verifier, binding, Convert.ToBase64String(RandomNumberGenerator.GetBytes(18)));
        await channel.Send(Authentication(10, Encoding.ASCII.GetBytes(mechanisms)));
        var (mechanism, clientFirst) = Initial((await Password(LongestScram)).Span);
        if (scram.First(mechanism, clientFirst) is not { } serverFirst)
        {
            throw new PgStop(PgError.Protocol, "malformed scram message");
        }
        await channel.Send(Authentication(11, Encoding.ASCII.GetBytes(serverFirst)));
        return scram.Final(Text((await Password(LongestScram)).Span));
    }

    private async Task<(Admission, string)> ByPassword(CancellationToken cancel)
    {
        OnlyUnderTls();
        await channel.Send(Authentication(3, []));
        var token = Text((await Password(LongestToken + 1)).Span.TrimEnd((byte)0));
        return (await ByToken(startup.User, token, cancel), startup.Database);
    }

    private async Task<(Admission, string)> ByBearer(string name, CancellationToken cancel)
    {
        OnlyUnderTls();
        await channel.Send(Authentication(10, Encoding.ASCII.GetBytes($"{OAuthBearer.Mechanism}\0\0")));
        var (mechanism, message) = Initial((await Password(LongestBearer)).Span);
        if (mechanism != OAuthBearer.Mechanism || OAuthBearer.TokenIn(message) is not { Length: <= LongestToken } token)
        {
            throw new PgStop(PgError.Protocol, "malformed sasl message");
        }
        var admission = token.Length > 0 ? await ByToken(name, token, cancel) : null;
        if (admission is null or Admission.Refused { Unproven: true })
        {
            await TellFailure(hasFailed: admission is not null);
        }
        // who only asks where to get a token has not failed to prove anything
        return (admission ?? throw new PgStop(PgError.NotAuthorized, "a token is needed: the login goes on with one"), startup.Database);
    }

    /// <param name="hasFailed">A token was none: that counts against the address, whatever becomes of the acknowledgement.</param>
    private async Task TellFailure(bool hasFailed)
    {
        try
        {
            await channel.Send(Authentication(11, OAuthBearer.Failure(door.Gate.FirstIssuer)));
            if (Text((await Password(LongestScram)).Span) != OAuthBearer.Acknowledged)
            {
                throw new PgStop(PgError.Protocol, "malformed sasl message");
            }
        }
        catch (Exception unheard) when (hasFailed && unheard is (IOException or System.Net.Sockets.SocketException or ObjectDisposedException or PgStop))
        {
            throw Unproven();
        }
    }

    private void OnlyUnderTls()
    {
        if (!channel.Wire.IsTls)
        {
            throw new PgStop(PgError.NotAuthorized, "a token is taken under tls only: use sslmode=require, or a ticket");
        }
    }

    private async Task<Admission> ByToken(string name, string token, CancellationToken cancel)
    {
        using var left = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var watching = Watch(left);
        try
        {
            return await door.Gate.AdmitToken(door.Resource, name, token, startup.Database, client, new LoginWait(Proven, Tell), left.Token);
        }
        finally
        {
            await left.CancelAsync();
            await watching;
        }
    }

    /// <summary>A client that goes, or says anything, while it waits for an answer has given up.</summary>
    private async Task Watch(CancellationTokenSource left)
    {
        try
        {
            await channel.Wire.Peek(new byte[1], left.Token);
            await left.CancelAsync();
        }
        catch (Exception over) when (over is OperationCanceledException or System.Net.Sockets.SocketException or ObjectDisposedException)
        {
            await left.CancelAsync();
        }
    }

    private async Task<ReadOnlyMemory<byte>> Password(int longest)
    {
        var (type, body) = await channel.Read(longest);
        return type switch
        {
            'p' => body,
            'X' => throw new EndOfStreamException(),
            _ => throw new PgStop(PgError.Protocol, $"expected a password message, got type {(int)type}"),
        };
    }

    private static (string Mechanism, string Data) Initial(ReadOnlySpan<byte> body)
    {
        var reader = new PgReader(body);
        var mechanism = Text(reader.Text());
        var data = Text(reader.Bytes(reader.Int32()));
        return reader.Exact ? (mechanism, data) : throw new PgStop(PgError.Protocol, "malformed sasl message");
    }

    private static string Text(ReadOnlySpan<byte> bytes) => System.Text.Unicode.Utf8.IsValid(bytes) && !bytes.Contains((byte)0)
        ? Encoding.UTF8.GetString(bytes)
        : throw new PgStop(PgError.Protocol, "malformed password message");

    private static byte[] Authentication(int kind, ReadOnlySpan<byte> data)
    {
        var body = new byte[4 + data.Length];
        BinaryPrimitives.WriteInt32BigEndian(body, kind);
        data.CopyTo(body.AsSpan(4));
        return PgFrame.Of('R', body);
    }

    private static PgStop Unproven() => new(
        PgError.AuthorizationFailed, "the login was not accepted", "a ticket works for a stated number of connections and a short time: ask for a new one");
}
