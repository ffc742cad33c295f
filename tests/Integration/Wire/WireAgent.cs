using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

using AccessPlane.Agent;
using AccessPlane.Agent.Directives;
using AccessPlane.Agent.Gate;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Agent.Protocols.PostgreSql.Masking;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.Tests.Integration.Agents;
using AccessPlane.Tests.Integration.Http;
using AccessPlane.Tests.Integration.Masking;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>
/// A PostgreSQL door of an agent in this process, in front of a database of its own on the sample server. What the control plane would say is
/// put in force directly; everything from the socket to the spool is the real thing.
/// </summary>
internal sealed class WireAgent : IAsyncDisposable
{
    private static readonly Actor Holder = new("https://idp", "engineer", "engineer", ActorKind.Person, [], new Dictionary<string, string>(), []);
    private readonly StateFolder state = new();
    private readonly NpgsqlConnectionStringBuilder server;
    private readonly Timer lease;
    private readonly Tickets tickets;
    private readonly Spool spool;
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly string role;
    private readonly bool nobodyOrders;
    private readonly bool isGuest;
    private readonly SemaphoreSlim asking = new(1);
    private NpgsqlConnection? direct;
    private bool isDrained;
    private readonly Func<PgListener> open;
    private readonly Dictionary<long, PublishedPolicy> policies = [];

    private WireAgent(NpgsqlConnectionStringBuilder server, string role, WireOptions options)
    {
        isGuest = options.Beside is not null;
        this.server = server;
        this.role = role;
        nobodyOrders = options.NobodyOrders;
        Database = options.Beside?.Database ?? role;
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
        };
        InForce.Swap(Snapshot.Empty with { Epoch = 1, Policy = new PublishedPolicy(1, "", new PolicyModel([terms], [Offered(options)], PeopleDirectory.Empty) { Masks = options.Masks ?? [] }) });
        policies[1] = InForce.Current.Policy;
        Renew();
        lease = new Timer(_ => Renew(), null, BetweenRenewals(terms), BetweenRenewals(terms));
        Tokens = options.Issuer is null ? null : new TokenDoor(InForce, tickets, options.Issuer.Address, options.Time ?? TimeProvider.System);
        var holds = Desk = new HoldDesk(InForce, (_, body, _) => Ask(body), (_, body) => Ended.Add((HoldEnd)body));
        Grant = Allow(options);
        File.WriteAllText(state.File("password"), role + "-secret\n");
        var upstream = new UpstreamConfig(options.UpstreamHost ?? server.Host!, options.UpstreamPort ?? server.Port, role, state.File("password"), options.Upstream,
            options.RootCertificate);
        open = () => new PgListener(
            new ListenerConfig("postgresql", "orders", "127.0.0.1", 0, upstream, options.Tls ? MakeCertificate() with { Required = options.TlsRequired } : null, Bounds: options.Bounds),
            new Gate(InForce, Live, tickets, Tokens?.Logins!, spool, holds, new MaskDesk(InForce, Order, state.Path), new CatalogDesk(Catalogs.Enqueue, TimeProvider.System)), new RecorderFactory(spool, Live, InForce), NullLoggerFactory.Instance,
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
    public string Database { get; }
    public int Port => Listener.EndPoint.Port;
    public string PasswordFile => state.File("password");
    public string CertificateFile => state.File("tls.pem");

    public static async Task<WireAgent> Start(WireOptions? options = null)
    {
        var text = Servers.Need(options?.On == PgServer.Newer ? "ACCESSPLANE_TEST_POSTGRES_18" : "ACCESSPLANE_TEST_ORDERS");
        var server = new NpgsqlConnectionStringBuilder(text);
        var beside = options?.Beside;
        var role = beside is not null && options?.OwnRole != true ? beside.role : $"wire_{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(5))}";
        if (role != beside?.role)
        {
            await Run(server, null, $"create role {role} login password '{role}-secret' {(options?.Superuser == true ? "superuser" : "")} {options?.Attributes}",
                beside is null ? $"create database {role} owner {role}" : $"grant {beside.role} to {role}");
        }
        var agent = new WireAgent(server, role, options ?? new WireOptions());
        if (options?.OwnsMasks == true)
        {
            // who did not make the owner of masks must be given it, from 16 on; here every database has a role of its own
            await Run(server, null, $"do $$ begin create role {MaskSql.Owner}; exception when duplicate_object or unique_violation then null; end $$",
                $"grant {MaskSql.Owner} to {role} with admin option");
        }
        if (options?.Before is { Length: > 0 } before)
        {
            await agent.Directly([$"set role {role}", .. before]);
        }
        await agent.Listener.StartAsync(CancellationToken.None);
        return agent;
    }

    /// <summary>Runs statements as superuser, past the agent.</summary>
    public Task Directly(params string[] statements) => Run(server, Database, statements);

    /// <summary>The first column of the first row, as superuser, past the agent.</summary>
    public async Task<object?> Ask(string sql)
    {
        await asking.WaitAsync();
        try
        {
            if (direct is not { State: System.Data.ConnectionState.Open })
            {
                await CloseDirect();
                direct = new NpgsqlConnection(DirectString);
                await direct.OpenAsync();
            }
            await using var command = new NpgsqlCommand(sql, direct);
            return await command.ExecuteScalarAsync();
        }
        finally
        {
            asking.Release();
        }
    }

    private async Task CloseDirect()
    {
        if (direct is not null)
        {
            await direct.DisposeAsync();
            direct = null;
        }
    }

    public string DirectString => new NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = Database, Pooling = false }.ConnectionString;
    public (string Host, int Port, string User, string Password) Direct => (server.Host!, server.Port, role, role + "-secret");

    /// <summary>A ticket that opens as many connections as it is asked to.</summary>
    public (string User, string Password) Ticket(int connections = 1, string? database = null)
    {
        var user = $"t_{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}";
        var secret = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        var salt = RandomNumberGenerator.GetBytes(16);
        var keys = ScramKeys.Derive(secret, salt, 4096);
        var verifier = $"SCRAM-SHA-256$4096:{Convert.ToBase64String(salt)}${Convert.ToBase64String(SHA256.HashData(keys.ClientKey))}:{Convert.ToBase64String(keys.ServerKey)}";
        Apply(new TicketOffer(user, Grant.Grant, verifier, connections, Now.AddMinutes(1), database ?? Database));
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

    /// <summary>What an admin does: what was shown is ordered.</summary>
    private void Order(MaskingState masking)
    {
        Masking.Enqueue(masking);
        if (masking.Status == MaskingStatus.Planned && !nobodyOrders)
        {
            Apply(new MaskingApply(masking.Resource, masking.Database, masking.Plan));
        }
    }

    /// <summary>What may be asked for here: the masks of its logins are made ready before anyone comes.</summary>
    private Entitlement Offered(WireOptions options) => new(
        "orders-test", "orders", Who.Nobody, new Scope([Database], options.Statements), TimeSpan.FromHours(1), TimeSpan.FromHours(1), TimeSpan.FromHours(1),
        new ReasonRule(false, null), new Approval(true, [], TimeSpan.FromHours(1)), 500, TokenLogin.WorkloadsOnly, null)
    {
        Login = options.Login,
    };

    /// <summary>Returns when the masks of the database stand as they are expected to.</summary>
    public async Task<MaskingState> UntilMasking(MaskingStatus status)
    {
        MaskingState? last = null;
        await Until(() =>
        {
            last = Masking.LastOrDefault();
            return Task.FromResult(last?.Status == status);
        });
        return last!;
    }

    private Task Ask(object body)
    {
        if (IsCutOff)
        {
            throw new IOException("nobody takes it");
        }
        Asked.Add((HeldOperation)body);
        return Task.CompletedTask;
    }

    /// <summary>The policy with these guardrails, from now on.</summary>
    public void Guard(params Guardrail[] guardrails) => Apply(new PublishedPolicy(
        InForce.Current.Policy.Version + 1, "", InForce.Current.Policy.Model with { Guardrails = guardrails }));

    /// <summary>The next operation that people are asked about.</summary>
    public HeldOperation NextAsked() => Asked.TryTake(out var held, TimeSpan.FromSeconds(20)) ? held : throw new TimeoutException("nobody was asked");

    /// <summary>The next hold of which the control plane was told that it has ended.</summary>
    public HoldEnd NextEnded() => Ended.TryTake(out var end, TimeSpan.FromSeconds(20)) ? end : throw new TimeoutException("nothing ended");

    public void Decide(HeldOperation held, string outcome, string? binding = null, string? comment = null) =>
        Desk.Decided(new HoldDecision(held.Hold, outcome, binding ?? held.Binding, "Dana", comment, held.ExpiresAt));

    public void Apply(object body)
    {
        if (body is PublishedPolicy policy)
        {
            policies[policy.Version] = policy;
        }
        InForce.Swap(InForce.Current.Apply(body) with { Position = InForce.Current.Position + 1 });
    }

    /// <summary>Another policy is in force from here on.</summary>
    public void Publish(Func<PolicyModel, PolicyModel> change)
    {
        var before = InForce.Current.Policy;
        Apply(new PublishedPolicy(before.Version + 1, "", change(before.Model)));
    }

    public void Revoke(string message = "the grant was revoked by `dba`")
    {
        var at = TimeProvider.System.GetTimestamp();
        Apply(new GrantEnd(Grant.Grant, "revoked", message));
        Live.CutGrant(Grant.Grant, "revoked", message, at);
    }

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

    /// <summary>The control plane takes everything that was recorded so far.</summary>
    public void Drain()
    {
        isDrained = true;
        foreach (var file in spool.Files)
        {
            file.Seal("wire", key);
            while (file.Oldest() is { } part)
            {
                Assert.Null(file.Read(part, "wire").WhyInvalid(key));
                spool.Accept(file.Session, part.Number);
            }
        }
        LookAtSpool();
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

    /// <summary>The control plane is not heard of any more.</summary>
    public void LoseTouch() => lease.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    /// <summary>It is heard of again.</summary>
    public void FindTouch() => lease.Change(TimeSpan.Zero, BetweenRenewals(Terms));

    public bool IsFrozen => !InForce.LeaseHeld(Terms);

    private ResourceTerms Terms => InForce.Current.Policy.Model.Resource("orders")!;

    public static async Task Until(Func<Task<bool>> holds)
    {
        var patience = Stopwatch.StartNew();
        while (!await holds())
        {
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(30), "it did not come to that");
            await Task.Delay(5);
        }
    }

    /// <summary>Whether so many of the agent's backends are as they are asked for.</summary>
    public async Task<bool> Backends(string where, long expected) =>
        await Ask($"select count(*) from pg_stat_activity where usename = '{role}' and application_name <> 'accessplane' and {where}") is long n && n == expected;

    private static TimeSpan BetweenRenewals(ResourceTerms terms) => terms.FreezeAfter / 12;

    private GrantLease Allow(WireOptions options)
    {
        var holder = options.Issuer is null ? Holder : Holder with { Issuer = options.Issuer.Address };
        var grant = new GrantLease(
            Guid.CreateVersion7(), Guid.CreateVersion7(), holder, "orders-test", "orders", new Scope([], options.Statements), Now.AddHours(1), 500,
            options.Issuer is null ? TokenLogin.WorkloadsOnly : new TokenLogin([ActorKind.Person], Once: false), 1, options.Login);
        Apply(grant);
        return grant;
    }

    private void Renew()
    {
        var now = TimeProvider.System.GetTimestamp();
        InForce.Time.Sample(now, now, Now);
        InForce.RenewLease(now);
    }

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
        return new TlsConfig(state.File("tls.pem"), state.File("tls.key"), Required: false);
    }

    private static async Task Run(NpgsqlConnectionStringBuilder server, string? database, params string[] statements)
    {
        // a backend is not cheap: those that everybody uses are kept, and nobody asks for types that no answer needs
        var to = new NpgsqlConnectionStringBuilder(server.ConnectionString + Servers.Plainly) { Pooling = database is null };
        to.Database = database ?? to.Database;
        if (statements.Length == 0)
        {
            return;
        }
        await using var connection = new NpgsqlConnection(to.ConnectionString);
        await connection.OpenAsync();
        foreach (var statement in statements)
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await command.ExecuteNonQueryAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Listener.DisposeAsync();
        if (!isDrained)
        {
            RecordExplained.Check(Transcript(), Holder, policies);
        }
        await lease.DisposeAsync();
        Tokens?.Dispose();
        await CloseDirect();
        asking.Dispose();
        spool.Dispose();
        key.Dispose();
        tickets.Dispose();
        if (isGuest)
        {
            await LeaveAsGuest();
        }
        else
        {
            await DropAll();
        }
        state.Dispose();
        Asked.Dispose();
        Ended.Dispose();
    }

    private async Task LeaveAsGuest()
    {
        if (role != Database)
        {
            await Directly($"reassign owned by {role} to {Database}", $"drop owned by {role}", $"drop role {role}");
        }
    }

    private async Task DropAll() =>
        await Run(server, null, $"drop database if exists {role} with (force)",
            $"""
            do $$ declare made text; begin
              for made in select rolname from pg_roles r join pg_shdescription d on d.objoid = r.oid and d.classoid = 'pg_authid'::regclass
                where d.description like '%"{role}"%' loop
                execute format('drop role %I', made);
              end loop;
            end $$
            """, $"drop role if exists {role}");
}

/// <param name="Kinds">Kinds within the grant's scope; none for any.</param>
/// <param name="Time">Of the door alone: leases and records go by the real clock.</param>
/// <param name="Issuer">Whose tokens are taken as passwords.</param>
/// <param name="UpstreamPort">Where to reach the server instead, for tests that stand in between.</param>
internal sealed record WireOptions(
    string[]? Kinds = null, bool Tls = false, Evidence Evidence = Evidence.Buffered, bool Superuser = false, string? UpstreamHost = null, int? UpstreamPort = null,
    UpstreamTls Upstream = UpstreamTls.Disable, string? RootCertificate = null, TimeSpan? FreezeAfter = null, TimeProvider? Time = null, TestIssuer? Issuer = null,
    IReadOnlyList<MaskRule>? Masks = null)
{
    public PgServer On { get; init; }
    public SpoolLimits? Spool { get; init; }
    public DoorBounds? Bounds { get; init; }

    /// <summary>Of tickets on loopback too.</summary>
    public bool TlsRequired { get; init; }

    /// <summary>A disk of its own for the spool.</summary>
    public string? SpoolIn { get; init; }
    public SpoolDisk? Disk { get; init; }
    public MaskingMode Masking { get; init; }
    public string Agent { get; init; } = "wire";

    /// <summary>Another agent, whose database it serves too: with the same role, or with one of its own that is a member of that.</summary>
    public WireAgent? Beside { get; init; }
    public bool OwnRole { get; init; }
    public LoginTerms? Login { get; init; }

    /// <summary>The agent's role is given the role that owns masks.</summary>
    public bool OwnsMasks { get; init; }

    /// <summary>No admin orders what the agent shows.</summary>
    public bool NobodyOrders { get; init; }

    /// <summary>Of the agent's role.</summary>
    public string Attributes { get; init; } = "";

    /// <summary>Run by the agent's role before its door opens.</summary>
    public string[] Before { get; init; } = [];

    public string[] Statements => Kinds ?? [];
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{string.Join(',', Statements)} tls={Tls}");
}
