using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using AccessPlane.Agent.Gate;
using AccessPlane.Agent.Relay;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>A connection to the resource, logged in with the agent's own credential.</summary>
/// <param name="Greeting">ParameterStatus and notices, as frames for the client, without those that tell who the agent is there.</param>
/// <param name="User">Who the agent is there.</param>
/// <param name="Since">When the backend began, in the server's own words: a later one may get its pid.</param>
/// <param name="Cluster">Whose backend it is; null where the server does not say.</param>
internal sealed record PgLink(
    PgChannel Channel, byte[] Greeting, string Version, int Pid, byte[] Secret, string User, string? Since = null, PgCluster? Cluster = null);

/// <summary>A connection that belongs to a session: nothing else can be relayed.</summary>
internal sealed record PgBackend(Permit Permit, PgLink Link)
{
    public PgChannel Channel => Link.Channel;
    public byte[] Greeting => Link.Greeting;
    public string Version => Link.Version;
    public int Pid => Link.Pid;
    public byte[] Secret => Link.Secret;
    public string User => Link.User;
    public string? Since => Link.Since;
    public PgCluster? Cluster => Link.Cluster;
}

/// <summary>
/// The way to the resource. Dialling takes a permit; the startup is built from scratch out of the permit and what the client may choose, never
/// passed through.
/// </summary>
internal sealed class PgUpstream(UpstreamConfig config, TimeProvider time) : IDisposable
{
    /// <summary>Sessions that are dialled for at the same time: a database that starts hundreds of backends at once has none of them ready in time.</summary>
    public const int DialsAtOnce = 32;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PatienceForTurn = TimeSpan.FromSeconds(60);
    private readonly SemaphoreSlim turns = new(DialsAtOnce);
    private readonly PgProofs proofs = new();
    private readonly X509Certificate2Collection? roots = Roots(config.RootCertificate);
    private readonly PgAddress address = new(config.Host, time);
    private bool checksConnections = true;

    public UpstreamConfig Config { get; } = config;

    /// <summary>The login of the agent itself.</summary>
    public PgCredential OwnCredential { get; } = new PgOwnCredential(config);

    private bool IsUnix => Config.Host.StartsWith('/');

    /// <summary>Whether what is sent can be read by nobody on the way.</summary>
    private bool IsPrivate => IsUnix || Config.Tls == UpstreamTls.VerifyFull;

    /// <param name="wiring">That of the other side.</param>
    /// <param name="searchPath">The login's own: said aloud, so that a RESET returns to it whatever its role's settings become.</param>
    public async Task<PgBackend> Dial(
        Permit permit, Wiring wiring, PgCredential credential, string application, IReadOnlyDictionary<string, string> settings, string searchPath, CancellationToken cancel)
    {
        var all = new List<string> { "search_path", searchPath };
        foreach (var (name, value) in settings)
        {
            all.AddRange([name, value]);
        }
        if (permit.Grant.Scope.OnlyReads)
        {
            all.AddRange(["default_transaction_read_only", "on"]);
        }
        await Turn(cancel);
        try
        {
            return new PgBackend(permit, await Reach(wiring, credential, permit.Database, application, all, cancel));
        }
        finally
        {
            turns.Release();
        }
    }

    /// <summary>Sessions wait for it and nothing else: what ends them, cancels and looks whether they are gone is never behind a crowd.</summary>
    private async Task Turn(CancellationToken cancel)
    {
        using var patience = new CancellationTokenSource(PatienceForTurn, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancel, patience.Token);
        try
        {
            await turns.WaitAsync(both.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new PgStop(PgError.TooMany, "too many sessions want to begin at the same time: try again shortly");
        }
    }

    /// <summary>A connection for the agent's own questions: about the catalogs, large for the planner and soon answered, and not worth a compiler. What is
    /// made of the answers may take long: never on a thread that serves sessions.</summary>
    public async Task<PgQueries> Own(string database, CancellationToken cancel) =>
        new(await Reach(SocketWiring.Instance, OwnCredential, database, "accessplane", ["jit", "off"], cancel));

    private async Task<PgLink> Reach(Wiring wiring, PgCredential credential, string database, string application, IReadOnlyList<string> settings, CancellationToken cancel)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancel, patience.Token);
        try
        {
            try
            {
                return await Login(wiring, credential, database, application, settings, both.Token);
            }
            catch (PgStop unknown) when (unknown.Code == "42704" && checksConnections)
            {
                checksConnections = false; // a server before 14 does not know the setting
                return await Login(wiring, credential, database, application, settings, both.Token);
            }
        }
        catch (Exception unreachable) when (
            unreachable is SocketException or IOException or AuthenticationException or ObjectDisposedException or PgStop { Code: PgError.Protocol } ||
            (unreachable is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            throw new PgUnreachable(unreachable);
        }
    }

    /// <summary>CancelRequest for whatever the backend does now. Returns when the server has taken it.</summary>
    public async Task Cancel(PgBackend backend, CancellationToken cancel)
    {
        using var wire = await Connect(SocketWiring.Instance, cancel);
        using var abort = cancel.Register(wire.Reset);
        byte[] request = [0, 0, 0, 0, 4, 210, 22, 46, 0, 0, 0, 0, .. backend.Secret];
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(request, request.Length);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(request.AsSpan(8), backend.Pid);
        await wire.Send(request);
        await wire.Receive(new byte[1]); // it closes when the signal is sent
    }

    private async Task<PgLink> Login(Wiring wiring, PgCredential credential, string database, string application, IReadOnlyList<string> settings, CancellationToken cancel)
    {
        var wire = await Connect(wiring, cancel);
        using var abort = cancel.Register(wire.Reset);
        try
        {
            var channel = new PgChannel(wire);
            await channel.Send(Startup(credential.User, database, application, settings));
            var link = await new PgUpstreamLogin(channel, credential, IsPrivate, proofs, cancel).Run();
            return await PgControl.Introduce(link, cancel);
        }
        catch
        {
            wire.Dispose();
            throw;
        }
    }

    private byte[] Startup(string user, string database, string application, IReadOnlyList<string> settings)
    {
        var all = new List<string> { "user", user, "database", database, "client_encoding", "UTF8" };
        all.AddRange(settings);
        // the language that statements are read in is fixed here; a reset returns to these
        all.AddRange(["standard_conforming_strings", "on", "backslash_quote", "safe_encoding", "application_name", application]);
        if (checksConnections)
        {
            all.AddRange(["client_connection_check_interval", 500.ToString(CultureInfo.InvariantCulture)]); // an agent that dies takes its work along
        }
        var body = PgFrame.OfTexts(' ', [.. all, ""])[PgFrame.Header..];
        byte[] packet = [0, 0, 0, 0, 0, 3, 0, 0, .. body];
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(packet, packet.Length);
        return packet;
    }

    private async Task<Wire> Connect(Wiring wiring, CancellationToken cancel)
    {
        if (IsUnix)
        {
            return await wiring.Connect(new UnixDomainSocketEndPoint(Path.Combine(Config.Host, $".s.PGSQL.{Config.Port}")), cancel);
        }
        var wire = await address.Connect(wiring, Config.Port, cancel);
        try
        {
            return Config.Tls == UpstreamTls.Disable ? wire : await Encrypt(wire, cancel);
        }
        catch
        {
            wire.Dispose();
            throw;
        }
    }

    private async Task<Wire> Encrypt(Wire plain, CancellationToken cancel)
    {
        using var abort = cancel.Register(plain.Reset);
        await plain.Send(new byte[] { 0, 0, 0, 8, 4, 210, 22, 47 });
        var answer = new byte[1];
        if (await plain.Receive(answer) != 1 || answer[0] != 'S' || plain.HasBytes)
        {
            throw new IOException("the database does not offer tls");
        }
        return await TlsWire.AsClient(plain, new SslClientAuthenticationOptions
        {
            TargetHost = Config.Host,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            CertificateChainPolicy = roots is null ? null : Trusting(roots),
        }, cancel);
    }

    private static X509ChainPolicy Trusting(X509Certificate2Collection roots)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(roots);
        return policy;
    }

    private static X509Certificate2Collection? Roots(string? file)
    {
        if (file is null)
        {
            return null;
        }
        var roots = new X509Certificate2Collection();
        roots.ImportFromPemFile(file);
        return roots;
    }

    public void Dispose()
    {
        turns.Dispose();
        proofs.Dispose();
        foreach (var root in roots ?? [])
        {
            root.Dispose();
        }
    }
}

/// <summary>The resource cannot be reached, or lets nobody in; why is for the log alone, and so are its own words: they may name the agent's login.</summary>
/// <param name="code">The database's own, where it said one.</param>
internal sealed class PgUnreachable(Exception why, string code = "") : Exception(Words(code), why)
{
    /// <summary>What the client is told: drivers and pools go by it.</summary>
    public string Code { get; } = code == PgError.TooMany ? code : IsDown(code) ? PgError.CannotConnectNow : PgError.ConnectionFailure;

    /// <summary>It does not know the login, or does not let it in.</summary>
    public bool IsLoginRefused { get; } = code.StartsWith("28", StringComparison.Ordinal);

    private static string Words(string code) =>
        code == PgError.TooMany ? "the database behind this agent has no connection left at the moment"
        : IsDown(code) ? "the database behind this agent takes no connections at the moment: it is starting up, shutting down or recovering"
        : "the database behind this agent cannot be reached at the moment";

    private static bool IsDown(string code) => code is "57P01" or "57P02" or "57P03";
}
