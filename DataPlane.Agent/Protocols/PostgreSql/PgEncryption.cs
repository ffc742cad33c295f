using System.Buffers.Binary;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using AccessPlane.Agent.Relay;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// How a client gets from a bare socket to the channel on which it starts up: at most one GSSENCRequest (never granted) and one SSLRequest, or
/// TLS from the first byte with the ALPN name `postgresql`. Requests are read to the byte, and nothing sent before TLS is ever read after it.
/// </summary>
internal sealed class PgEncryption : IDisposable
{
    private static readonly SslApplicationProtocol Alpn = new("postgresql");
    private const byte TlsHandshake = 0x16;

    private readonly X509Certificate2? certificate;
    private readonly SslServerAuthenticationOptions? options;

    private readonly TimeProvider time;

    public PgEncryption(TlsConfig? config, TimeProvider time)
    {
        this.time = time;
        if (config is null)
        {
            return;
        }
        certificate = X509Certificate2.CreateFromPemFile(config.Certificate, config.Key);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(config.Certificate);
        options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(certificate, chain, offline: true),
            ApplicationProtocols = [Alpn],
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            AllowRenegotiation = false,
        };
        Binding = PgChannelBinding.Of(certificate);
    }

    /// <summary>What SCRAM-SHA-256-PLUS binds to; null where there is nothing to bind to.</summary>
    public byte[]? Binding { get; }

    /// <returns>The channel, with what may be the start of the startup packet already in it.</returns>
    public async Task<PgChannel> Negotiate(Wire wire, CancellationToken cancel)
    {
        var first = new byte[1];
        if (await wire.Peek(first, cancel) == 1 && first[0] == TlsHandshake)
        {
            var direct = await Encrypt(wire, cancel);
            return direct.Tls.NegotiatedApplicationProtocol == Alpn
                ? new PgChannel(direct)
                : throw new AuthenticationException("tls from the first byte needs the ALPN name `postgresql`");
        }
        var request = new byte[8];
        var (askedSsl, askedGss) = (false, false);
        while (true)
        {
            await ReadExactly(wire, request);
            var code = BinaryPrimitives.ReadInt32BigEndian(request) == 8 ? BinaryPrimitives.ReadInt32BigEndian(request.AsSpan(4)) : 0;
            if (code is not (PgStartup.Ssl or PgStartup.Gss))
            {
                var channel = new PgChannel(wire);
                channel.Preload(request);
                return channel;
            }
            if (code == PgStartup.Ssl ? askedSsl : askedGss)
            {
                throw new PgStop(PgError.Protocol, "encryption was asked for twice");
            }
            if (wire.HasBytes)
            {
                throw new PgStop(PgError.Protocol, "received unencrypted data after the request for encryption");
            }
            (askedSsl, askedGss) = (askedSsl || code == PgStartup.Ssl, askedGss || code == PgStartup.Gss);
            var granted = code == PgStartup.Ssl && options is not null;
            if (granted)
            {
                MustBeInDate();
            }
            await wire.Send(granted ? "S"u8.ToArray() : "N"u8.ToArray());
            if (granted)
            {
                return new PgChannel(await Encrypt(wire, cancel));
            }
        }
    }

    private async Task<TlsWire> Encrypt(Wire wire, CancellationToken cancel)
    {
        if (options is null)
        {
            throw new PgStop(PgError.Protocol, "this agent has no certificate: connect without tls");
        }
        MustBeInDate();
        return await TlsWire.AsServer(wire, options, cancel);
    }

    /// <summary>A client that does not verify certificates would take any that is over: its password is worth more. Who is inside stays.</summary>
    private void MustBeInDate()
    {
        if (certificate is { } mine && time.GetUtcNow() >= mine.NotAfter.ToUniversalTime())
        {
            throw new PgStop(PgError.NotAuthorized, $"the agent's certificate expired at {mine.NotAfter.ToUniversalTime():yyyy-MM-dd HH:mm:ss}Z: its operator must renew it");
        }
    }

    private static async Task ReadExactly(Wire wire, Memory<byte> into)
    {
        while (into.Length > 0)
        {
            var got = await wire.Receive(into);
            into = got > 0 ? into[got..] : throw new EndOfStreamException();
        }
    }

    public void Dispose() => certificate?.Dispose();
}
