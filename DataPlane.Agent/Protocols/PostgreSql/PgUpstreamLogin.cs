using System.Buffers.Binary;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using AccessPlane.Agent.Relay;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>The agent proves itself to the resource, and learns how the resource introduces itself.</summary>
/// <param name="isPrivate">Nobody on the way can read what is sent.</param>
internal sealed class PgUpstreamLogin(PgChannel channel, PgCredential credential, bool isPrivate, PgProofs proofs, CancellationToken cancel)
{
    private const int LongestMessage = 64 * 1024;

    /// <summary>All that is listened to before the server is ready, however it is cut into messages and whatever they are.</summary>
    private const int LongestLogin = 256 * 1024;

    /// <summary>So much is sent to a client without asking whether it reads.</summary>
    private const int LongestGreeting = 16 * 1024;
    private readonly List<byte> greeting = [];
    private int heard;
    private string version = "";
    private int pid;
    private byte[] secret = [];

    public async Task<PgLink> Run()
    {
        await Authenticate();
        while (true)
        {
            var (type, body) = await Read();
            switch (type)
            {
                case 'Z':
                    return new PgLink(channel, [.. greeting], version, pid, secret, credential.User);
                case 'S':
                    Parameter(body.Span);
                    break;
                case 'K' when body.Length is >= 8 and <= 260:
                    pid = BinaryPrimitives.ReadInt32BigEndian(body.Span);
                    secret = body[4..].ToArray();
                    break;
                case 'N':
                    Greet(PgFrame.Of('N', body.Span));
                    break;
                case 'E':
                    throw Refused(body.Span);
                default:
                    throw new IOException("the database answers the login out of turn");
            }
        }
    }

    private void Parameter(ReadOnlySpan<byte> body)
    {
        var reader = new PgReader(body);
        var name = Encoding.UTF8.GetString(reader.Text());
        var value = Encoding.UTF8.GetString(reader.Text());
        version = name == "server_version" ? $"PostgreSQL {value}" : version;
        if (reader.Exact && name != "session_authorization") // who the agent is there is nobody's business here
        {
            Greet(PgFrame.Of('S', body));
        }
    }

    private void Greet(byte[] frame)
    {
        if (greeting.Count + frame.Length > LongestGreeting)
        {
            throw TooMuch();
        }
        greeting.AddRange(frame);
    }

    private async ValueTask<(char Type, ReadOnlyMemory<byte> Body)> Read()
    {
        var message = await channel.Read(LongestMessage);
        heard += PgFrame.Header + message.Body.Length;
        return heard <= LongestLogin ? message : throw TooMuch();
    }

    private static IOException TooMuch() => new("the database has too much to say before it is ready");

    private async Task Authenticate()
    {
        while (true)
        {
            var (type, body) = await Read();
            if (type == 'E')
            {
                throw Refused(body.Span);
            }
            if (type == 'N' || type == 'v')
            {
                continue;
            }
            if (type != 'R' || body.Length < 4)
            {
                throw new IOException("the database answers the login out of turn");
            }
            switch (BinaryPrimitives.ReadInt32BigEndian(body.Span))
            {
                case 0:
                    return;
                case 3 when isPrivate:
                    await Send([.. Encoding.UTF8.GetBytes(credential.Password()), 0]);
                    break;
                case 5 when body.Length == 8:
                    await Send(Md5(body.Span[4..]));
                    break;
                case 10:
                    await Scram(Encoding.ASCII.GetString(body.Span[4..]).Split('\0', StringSplitOptions.RemoveEmptyEntries));
                    break;
                default:
                    throw new IOException("the database asks for a proof that this agent does not give");
            }
        }
    }

    private async Task Scram(string[] mechanisms)
    {
        var binding = Binding();
        var plus = binding is not null && mechanisms.Contains(ScramServer.Plus);
        if (!plus && !mechanisms.Contains(ScramServer.Plain))
        {
            throw new IOException("the database asks for a proof that this agent does not give");
        }
        var scram = new ScramClient(
            plus ? binding : null, binding is not null && !plus, Convert.ToBase64String(RandomNumberGenerator.GetBytes(18)),
            credential.Keys);
        var first = Encoding.UTF8.GetBytes(scram.First);
        var length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, first.Length);
        await Send([.. Encoding.ASCII.GetBytes(plus ? ScramServer.Plus : ScramServer.Plain), 0, .. length, .. first]);
        var challenge = await Continuation(11);
        var final = await proofs.Final(scram, challenge, cancel) ?? throw new IOException("the database's scram message is not acceptable");
        await Send(Encoding.UTF8.GetBytes(final));
        if (!scram.IsProvenBy(await Continuation(12)))
        {
            throw new IOException("the database does not know the agent's password: it is not who it should be");
        }
    }

    private async Task<string> Continuation(int kind)
    {
        var (type, body) = await Read();
        if (type == 'E')
        {
            throw Refused(body.Span);
        }
        return type == 'R' && body.Length > 4 && BinaryPrimitives.ReadInt32BigEndian(body.Span) == kind
            ? Encoding.ASCII.GetString(body.Span[4..])
            : throw new IOException("the database answers the login out of turn");
    }

    private byte[]? Binding()
    {
        if (channel.Wire is not TlsWire { Tls: SslStream { RemoteCertificate: { } remote } })
        {
            return null;
        }
        using var certificate = X509CertificateLoader.LoadCertificate(remote.GetRawCertData());
        return PgChannelBinding.Of(certificate);
    }

    private ValueTask Send(byte[] body) => channel.Send(PgFrame.Of('p', body));

    private byte[] Md5(ReadOnlySpan<byte> salt)
    {
#pragma warning disable CA5351 // the server's choice, for servers that know nothing better
        var inner = Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes(credential.Password() + credential.User)));
        var outer = Convert.ToHexStringLower(MD5.HashData([.. Encoding.ASCII.GetBytes(inner), .. salt]));
#pragma warning restore CA5351
        return [.. Encoding.ASCII.GetBytes($"md5{outer}"), 0];
    }

    /// <summary>Errors that the client's own choices led to may be shown; those about the agent's login are the operator's.</summary>
    private static PgStop Refused(ReadOnlySpan<byte> error)
    {
        var code = Encoding.ASCII.GetString(PgError.Field(error, 'C'));
        var message = Encoding.UTF8.GetString(PgError.Field(error, 'M'));
        return code switch
        {
            "3D000" or "22023" or "42704" => new PgStop(code, message),
            _ => throw new PgUnreachable(new IOException($"{code}: {message}"), code),
        };
    }
}
