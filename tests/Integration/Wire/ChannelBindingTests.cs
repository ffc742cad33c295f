using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using AccessPlane.Agent;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Tests.Integration.Agents;
using AccessPlane.Tests.Unit.Wire;
using Npgsql;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>Under TLS the agent's proof is bound to the certificate that it was shown: whoever stands in between cannot pass it on.</summary>
public sealed class ChannelBindingTests : IDisposable
{
    private const string Plain = "SCRAM-SHA-256";
    private const string Plus = "SCRAM-SHA-256-PLUS";
    private const string Password = "known-to-both";
    private const string Broken = "SCRAM channel binding check failed";
    private readonly StateFolder folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Root => folder.File("root.pem");

    public void Dispose() => folder.Dispose();

    /// <summary>The hash is that of the certificate's own signature (RFC 5929).</summary>
    [Theory]
    [InlineData(256)]
    [InlineData(384)]
    public async Task To_a_server_that_offers_both_the_agent_proves_itself_by_what_is_bound_to_the_servers_certificate(int bits)
    {
        using var certificate = MakeCertificate(bits);
        var hash = bits == 256 ? SHA256.HashData(certificate.RawData) : SHA384.HashData(certificate.RawData);
        var proof = await ProofTo(certificate, hash, Plain, Plus);
        Assert.Equal(Plus, proof.Mechanism);
        Assert.StartsWith("p=tls-server-end-point,,n=,r=", proof.First, StringComparison.Ordinal);
        Assert.StartsWith($"c={Convert.ToBase64String([.. "p=tls-server-end-point,,"u8, .. hash])},", proof.Final, StringComparison.Ordinal);
    }

    /// <summary>A server that did offer it then knows that somebody took the offer away.</summary>
    [Fact]
    public async Task A_server_that_does_not_offer_it_under_tls_is_told_that_the_agent_could_have_done_it()
    {
        using var certificate = MakeCertificate(256);
        var proof = await ProofTo(certificate, null, Plain);
        Assert.Equal(Plain, proof.Mechanism);
        Assert.StartsWith("y,,n=,r=", proof.First, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_stands_in_between_with_a_certificate_that_the_agent_trusts_cannot_log_in_by_its_proof()
    {
        using var certificate = MakeCertificate(256);
        var said = new ConcurrentQueue<string>();
        await using var between = new FakeServer { Login = to => StandBetween(to, certificate, said) };
        await using var agent = await Start(new WireOptions(Upstream: UpstreamTls.VerifyFull, RootCertificate: Root, UpstreamHost: "127.0.0.1", UpstreamPort: between.Port));
        using (var unbound = await Dial(between.Port))
        {
            await unbound.AskForTls();
            await unbound.Login(agent.Direct.User, agent.Direct.Password, ("database", agent.Database));
            await unbound.StillWorks(); // nothing else is in the way
        }
        Assert.DoesNotContain(Broken, string.Concat(said), StringComparison.Ordinal);
        var (user, password) = agent.Ticket();
        using var client = await Dial(agent.Port);
        await client.Send(Startup(("user", user), ("database", agent.Database)));
        await client.Prove(password);
        Assert.Equal("08006 the database behind this agent cannot be reached at the moment", await client.Refusal());
        Assert.Contains(Broken, string.Concat(said), StringComparison.Ordinal);
    }

    /// <summary>The agent's login at a server that knows its password, and offers it these mechanisms.</summary>
    private async Task<Proof> ProofTo(X509Certificate2 certificate, byte[]? binding, params string[] mechanisms)
    {
        var heard = new TaskCompletionSource<Proof>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = new FakeServer { Login = to => Serve(to, certificate, binding, mechanisms, heard) };
        await File.WriteAllTextAsync(folder.File("password"), Password, Cancel);
        using var upstream = new PgUpstream(
            new UpstreamConfig("127.0.0.1", server.Port, "agent", folder.File("password"), UpstreamTls.VerifyFull, Root), TimeProvider.System);
        using var queries = await upstream.Own("orders", Cancel);
        return await heard.Task.WaitAsync(TimeSpan.FromSeconds(90), Cancel);
    }

    private static async Task Serve(Stream to, X509Certificate2 certificate, byte[]? binding, string[] mechanisms, TaskCompletionSource<Proof> heard)
    {
        await using var tls = await Encrypt(to, certificate);
        var length = new byte[4];
        await tls.ReadExactlyAsync(length, Cancel);
        await tls.ReadExactlyAsync(new byte[BinaryPrimitives.ReadInt32BigEndian(length) - length.Length], Cancel);
        await tls.WriteAsync(Frames.Answer('R', [0, 0, 0, 10, .. mechanisms.SelectMany(m => Frames.Text(m)), 0]), Cancel);

        var initial = await Read(tls);
        var at = Array.IndexOf(initial, (byte)0);
        var (mechanism, first) = (Encoding.ASCII.GetString(initial[..at]), Encoding.ASCII.GetString(initial[(at + 5)..]));
        var keys = ScramKeys.Derive(Password, "sixteen bytes it"u8.ToArray(), ScramVerifier.StandardIterations);
        var scram = new ScramServer(
            new ScramVerifier(ScramVerifier.StandardIterations, "sixteen bytes it"u8.ToArray(), SHA256.HashData(keys.ClientKey), keys.ServerKey), binding, "of-the-server");
        await Authentication(tls, 11, scram.First(mechanism, first));
        var final = Encoding.ASCII.GetString(await Read(tls));
        heard.TrySetResult(new Proof(mechanism, first, final));
        await Authentication(tls, 12, scram.Final(final));
        await tls.WriteAsync(FakeServer.Welcome, Cancel);
        while (true)
        {
            await Read(tls); // until the agent hangs up
            await tls.WriteAsync((byte[])[.. Frames.Complete("SELECT 0"), .. Frames.Ready('I')], Cancel);
        }
    }

    /// <summary>TLS ends here, and begins anew on the way to the real server.</summary>
    private static async Task StandBetween(Stream agent, X509Certificate2 certificate, ConcurrentQueue<string> said)
    {
        try
        {
            await using var near = await Encrypt(agent, certificate);
            using var server = new TcpClient();
            await server.ConnectAsync(IPAddress.Loopback, new NpgsqlConnectionStringBuilder(Servers.Need("ACCESSPLANE_TEST_ORDERS")).Port, Cancel);
            var plain = server.GetStream();
            await plain.WriteAsync((byte[])[0, 0, 0, 8, 4, 210, 22, 47], Cancel);
            await plain.ReadExactlyAsync(new byte[1], Cancel);
            await using var far = new SslStream(plain);
            await far.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions { TargetHost = "localhost", RemoteCertificateValidationCallback = (_, shown, _, _) => shown?.Subject == "CN=localhost" }, Cancel);
            await Task.WhenAny(near.CopyToAsync(far, Cancel), Back(far, near, said));
        }
        finally
        {
            agent.Close();
        }
    }

    private static async Task Back(SslStream far, SslStream near, ConcurrentQueue<string> said)
    {
        var buffer = new byte[16 * 1024];
        while (await far.ReadAsync(buffer, Cancel) is var read and > 0)
        {
            said.Enqueue(Encoding.ASCII.GetString(buffer, 0, read));
            await near.WriteAsync(buffer.AsMemory(0, read), Cancel);
        }
    }

    /// <summary>The request for it has been read.</summary>
    private static async Task<SslStream> Encrypt(Stream to, X509Certificate2 certificate)
    {
        await to.WriteAsync("S"u8.ToArray(), Cancel);
        var tls = new SslStream(to, leaveInnerStreamOpen: true);
        await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate }, Cancel);
        return tls;
    }

    private static async Task Authentication(SslStream to, byte kind, string? text) => await to.WriteAsync(
        Frames.Answer('R', [0, 0, 0, kind, .. Encoding.ASCII.GetBytes(text ?? throw new IOException("it is not the proof that was asked for"))]), Cancel);

    private static async Task<byte[]> Read(SslStream from)
    {
        var header = new byte[PgFrame.Header];
        await from.ReadExactlyAsync(header, Cancel);
        var body = new byte[PgFrame.LengthAt(header) - 4];
        await from.ReadExactlyAsync(body, Cancel);
        return body;
    }

    private X509Certificate2 MakeCertificate(int bits)
    {
        using var key = ECDsa.Create(bits == 256 ? ECCurve.NamedCurves.nistP256 : ECCurve.NamedCurves.nistP384);
        var request = new CertificateRequest("CN=localhost", key, bits == 256 ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA384);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var now = TimeProvider.System.GetUtcNow();
        var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        File.WriteAllText(Root, certificate.ExportCertificatePem());
        return certificate;
    }

    private sealed record Proof(string Mechanism, string First, string Final);
}
