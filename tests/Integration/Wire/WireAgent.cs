using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

using AccessPlane.Agent;
using AccessPlane.Agent.Directives;
using AccessPlane.Agent.Gate;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.Tests.Integration.Agents;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>
/// A PostgreSQL door of an agent in this process, in front of a database of its own on the sample server. What the control plane would say is
/// put in force directly; everything from the socket to the spool is the real thing.
/// </summary>
internal sealed partial class WireAgent : IAsyncDisposable
{
    private readonly StateFolder state = new();
    private readonly Timer lease;
    private readonly Tickets tickets;
    private readonly Spool spool;
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ILoggerFactory logs;
    private readonly bool nobodyOrders;
    private bool isDrained;
    private readonly Func<PgListener> open;
    private readonly Dictionary<long, PublishedPolicy> policies = [];

    private WireAgent(WireDatabase data, WireOptions options)
    {
        Data = data;
        nobodyOrders = options.NobodyOrders;
        logs = LoggerFactory.Create(l => l.AddProvider(Secrets));
        Secrets.Sweep.Knows("the password at the database", data.Password);
        InForce = new InForce(options.Agent, TimeProvider.System);
        Live = new LiveSessions(InForce);
        tickets = Tickets.Open(state.Path);
        spool = new Spool(
            options.SpoolIn ?? state.Path, options.Spool ?? SpoolLimits.Standard, ControlPlaneKey.Wrap, TimeProvider.System, null, options.Disk ?? new SpoolDisk())
        {
            Full = () => Live.Freeze(true),
        };
        var terms = new ResourceTerms("orders", "postgresql", options.FreezeAfter ?? TimeSpan.FromSeconds(60), TimeSpan.FromMinutes(5), options.Evidence)
        {
            Masking = options.Masking,
            RecordRows = options.RecordRows,
        };
        InForce.Swap(Snapshot.Empty with { Epoch = 1, Policy = new PublishedPolicy(1, "", new PolicyModel([terms], [Offered(options)], PeopleDirectory.Empty) { Masks = options.Masks ?? [] }) });
        policies[1] = InForce.Current.Policy;
        Renew();
        lease = new Timer(_ => Renew(), null, BetweenRenewals(terms), BetweenRenewals(terms));
        Tokens = options.Issuer is null ? null : new TokenDoor(InForce, tickets, options.Issuer.Address, options.Time ?? TimeProvider.System, Reported);
        var holds = Desk = new HoldDesk(InForce, (_, body, _) => Ask(body), (_, body) => End(body));
        Grant = Allow(options);
        File.WriteAllText(state.File("password"), data.Password + "\n");
        var upstream = new UpstreamConfig(options.UpstreamHost ?? data.Host, options.UpstreamPort ?? data.Port, data.Role, state.File("password"), options.Upstream,
            options.RootCertificate);
        open = () => new PgListener(
            new ListenerConfig("postgresql", "orders", "127.0.0.1", 0, upstream, options.Tls ? MakeCertificate() with { Required = options.TlsRequired } : null, Bounds: options.Bounds),
            new Gate(InForce, Live, tickets, Tokens?.Logins!, spool, holds, new MaskDesk(InForce, Order, state.Path), new CatalogDesk(Tell, TimeProvider.System)), new RecorderFactory(spool, Live, InForce), logs,
            options.Time ?? TimeProvider.System);
        Listener = open();
    }

    /// <summary>The door closes, and another one opens with what the first one wrote down.</summary>
    public async Task Reopen()
    {
        await Listener.DisposeAsync();
        Listener = open();
        await Listener.StartAsync(CancellationToken.None);
    }

    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    /// <summary>Of this agent: none of them is found at its end in anything that it has said.</summary>
    public HostSecrets Secrets { get; } = new();

    public InForce InForce { get; }
    public LiveSessions Live { get; }
    public PgListener Listener { get; private set; }
    public GrantLease Grant { get; }

    /// <summary>Logins by token, where there is an issuer.</summary>
    public TokenDoor? Tokens { get; }

    /// <summary>Where the control plane's decisions come in.</summary>
    public HoldDesk Desk { get; }

    /// <summary>What the control plane was asked about, and what it was told has ended.</summary>
    public BlockingCollection<HeldOperation> Asked { get; } = [];
    public BlockingCollection<HoldEnd> Ended { get; } = [];

    /// <summary>How the agent has told that the masks of its databases stand.</summary>
    public ConcurrentQueue<MaskingState> Masking { get; } = [];

    /// <summary>What it has told that its databases hold.</summary>
    public ConcurrentQueue<CatalogNames> Catalogs { get; } = [];

    /// <summary>The broker is away.</summary>
    public bool IsCutOff { get; set; }

    public WireDatabase Data { get; }
    public string Database => Data.Name;
    public int Port => Listener.EndPoint.Port;
    public string PasswordFile => state.File("password");
    public string CertificateFile => state.File("tls.pem");

    public static async Task<WireAgent> Start(WireOptions? options = null)
    {
        options ??= new WireOptions();
        var agent = new WireAgent(await WireDatabase.Make(options), options);
        await agent.Listener.StartAsync(CancellationToken.None);
        return agent;
    }

    /// <summary>Runs statements as superuser, past the agent.</summary>
    public Task Directly(params string[] statements) => Data.Run(statements);

    /// <summary>The first column of the first row, as superuser, past the agent.</summary>
    public Task<object?> Ask(string sql) => Data.Ask(sql);

    public string DirectString => Data.ConnectionString;
    public (string Host, int Port, string User, string Password) Direct => (Data.Host, Data.Port, Data.Role, Data.Password);

    /// <summary>A ticket that opens as many connections as it is asked to.</summary>
    /// <param name="grant">Another one than the agent's own.</param>
    public (string User, string Password) Ticket(int connections = 1, string? database = null, Guid? grant = null)
    {
        var user = $"t_{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}";
        var secret = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        Secrets.Sweep.Knows("a ticket's password", secret);
        var salt = RandomNumberGenerator.GetBytes(16);
        var keys = ScramKeys.Derive(secret, salt, 4096);
        var verifier = $"SCRAM-SHA-256$4096:{Convert.ToBase64String(salt)}${Convert.ToBase64String(SHA256.HashData(keys.ClientKey))}:{Convert.ToBase64String(keys.ServerKey)}";
        Apply(new TicketOffer(user, grant ?? Grant.Grant, verifier, connections, Now.AddMinutes(1), database ?? Database));
        return (user, secret);
    }

    public string NpgsqlString(int connections = 1, string more = "")
    {
        var (user, password) = Ticket(connections);
        return $"Host=127.0.0.1;Port={Port};Username={user};Password={password};Database={Database};SSL Mode=Disable;Pooling=false;{more}";
    }

    /// <summary>A raw client that has logged in and read the greeting.</summary>
    public async Task<RawClient> Connect(params (string Key, string Value)[] more)
    {
        var (user, password) = Ticket();
        var client = await RawClient.Dial(Port);
        await client.Login(user, password, [("database", Database), .. more]);
        return client;
    }

    /// <summary>The same, to another database of the server.</summary>
    public async Task<RawClient> ConnectTo(string database, params (string Key, string Value)[] more)
    {
        var (user, password) = Ticket(database: database);
        var client = await RawClient.Dial(Port);
        await client.Login(user, password, [("database", database), .. more]);
        return client;
    }

    /// <summary>What a session is admitted by, for whoever goes on without a client.</summary>
    public Permit Permit() => Live.Admit(Guid.CreateVersion7(), Grant, Terms, Database, "ticket")!;

    /// <summary>All entries of all sessions, one line each, in the order they were written.</summary>
    public string[] Transcript()
    {
        spool.Tick();
        return [.. spool.Files.OrderBy(f => f.SessionNumber).SelectMany(f => Segment.Lines(f.Entries()))];
    }

    /// <summary>What is recorded at this moment: nothing is written for the asking.</summary>
    public string OnDisk() => string.Concat(spool.Files.OrderBy(f => f.SessionNumber).Select(f => f.Entries()));

    public double SpoolFullness => spool.Fullness;

    /// <summary>What the agent's timers do: what waits is written, and how full the spool is counts.</summary>
    public void LookAtSpool()
    {
        spool.Tick();
        Live.Freeze(spool.Frozen);
    }

    /// <summary>The spool as it would be found if the process ended here.</summary>
    public void CopySpool(string to)
    {
        Directory.CreateDirectory(to);
        foreach (var path in Directory.GetFiles(spool.Folder, "*-*"))
        {
            using var from = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var copy = File.Create(Path.Combine(to, Path.GetFileName(path)));
            from.CopyTo(copy);
        }
    }

    public static async Task Until(Func<Task<bool>> holds)
    {
        var patience = Stopwatch.StartNew();
        while (!await holds())
        {
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(90), "it did not come to that");
            await Task.Delay(5);
        }
    }

    /// <summary>Whether so many of the agent's backends are as they are asked for.</summary>
    public async Task<bool> Backends(string where, long expected) =>
        await Ask($"select count(*) from pg_stat_activity where usename = '{Data.Role}' and application_name <> 'accessplane' and {where}") is long n && n == expected;

    private TlsConfig MakeCertificate()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var certificate = request.CreateSelfSigned(Now.AddDays(-1), Now.AddDays(1));
        File.WriteAllText(state.File("tls.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(state.File("tls.key"), key.ExportPkcs8PrivateKeyPem());
        Secrets.Sweep.KnowsFile(state.File("tls.key"));
        return new TlsConfig(state.File("tls.pem"), state.File("tls.key"), Required: false);
    }

    public async ValueTask DisposeAsync()
    {
        await Listener.DisposeAsync();
        if (!isDrained)
        {
            var record = Transcript();
            RecordExplained.Check(record, Holder, policies);
            Secrets.Sweep.Hears("what the agent recorded", string.Join('\n', record));
        }
        await lease.DisposeAsync();
        Tokens?.Dispose();
        spool.Dispose();
        key.Dispose();
        tickets.Dispose();
        logs.Dispose();
        await Data.DisposeAsync();
        Asked.Dispose();
        Ended.Dispose();
        try
        {
            Secrets.HearsState(state.Path, but: [PasswordFile, state.File("tls.key")]);
            Secrets.NoneWasSaid();
        }
        finally
        {
            state.Dispose();
        }
    }
}
