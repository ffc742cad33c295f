using System.Globalization;
using System.Security.Cryptography;
using AccessPlane.Agent;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Agent.Protocols.PostgreSql.Masking;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Integration.Wire;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Masking;

/// <summary>Which server a test runs on: what holds on the system's must hold on a newer one.</summary>
public enum PgServer
{
    Installed,
    Newer,
}

/// <summary>A database of one's own with the corpus's shop in it, an agent's role that is no superuser, and logins that are made by hand.</summary>
internal sealed class MaskDatabase : IAsyncDisposable
{
    private readonly NpgsqlConnectionStringBuilder server;
    private readonly string passwordFile;
    private readonly PgUpstream upstream;
    private readonly List<string> roles = [];
    private readonly KeptConnection direct;

    private MaskDatabase(NpgsqlConnectionStringBuilder server, string role)
    {
        (this.server, Role, Database) = (server, role, role);
        direct = new KeptConnection(new NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = Database }.ConnectionString);
        passwordFile = Path.Combine(Path.GetTempPath(), role);
        File.WriteAllText(passwordFile, Secret);
        upstream = new PgUpstream(new UpstreamConfig(server.Host!, server.Port, role, passwordFile, UpstreamTls.Disable), TimeProvider.System);
        Masks = new MaskSchemas("agent", "orders", TimeProvider.System);
    }

    /// <summary>Of the agent.</summary>
    public string Role { get; }
    public string Database { get; }
    public MaskSchemas Masks { get; }

    /// <summary>For names that all databases of a server share.</summary>
    public string Readers => Role + "_ro";
    public string Writers => Role + "_rw";

    private string Secret => Role + "-secret";

    public static IReadOnlyList<MaskRule> Rules { get; } =
    [
        Rule(MaskWith.Redact, "shop.customers.email", "shop.customers.ssn", "shop.customers.salary", "shop.customers.dob", "shop.customers.profile",
            "shop.customers.tags", "shop.customers.photo", "shop.orders.customer_ssn", "shop.events.ssn", "shop.person.ssn"),
        Rule(new MaskWith(MaskKind.KeepLast, 4), "shop.customers.card"),
    ];

    public static MaskRule Rule(MaskWith with, params string[] columns) => new("rule", "orders", columns, [], with, null, Inference.Allow);

    /// <summary>An empty database whose owner the agent's role is; the role may make roles and schemas, and is no superuser.</summary>
    public static async Task<MaskDatabase> Empty(PgServer on = PgServer.Installed)
    {
        var server = new NpgsqlConnectionStringBuilder(Servers.Need(on == PgServer.Installed ? "ACCESSPLANE_TEST_ORDERS" : "ACCESSPLANE_TEST_POSTGRES_18") + Servers.Plainly);
        var made = new MaskDatabase(server, $"mask_{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(5))}");
        await made.OnServer($"create role {made.Role} login createrole password '{made.Secret}'", $"create database {made.Database} owner {made.Role}");
        // who did not make the owner of masks must be given it, from 16 on; here every database has a role of its own
        await made.OnServer($"do $$ begin create role {MaskSql.Owner}; exception when duplicate_object or unique_violation then null; end $$",
            $"grant {MaskSql.Owner} to {made.Role} with admin option");
        foreach (var role in new[] { made.Readers, made.Writers })
        {
            made.roles.Add(role);
            await made.OnServer($"create role {role}");
        }
        return made;
    }

    /// <summary>The corpus's shop, owned by the agent's role; the roles of the fixture are this database's own.</summary>
    public static async Task<MaskDatabase> Shop(PgServer on = PgServer.Installed, bool otherValues = false)
    {
        var made = await Empty(on);
        await made.FillShop(otherValues);
        return made;
    }

    /// <summary>As it is at the start.</summary>
    /// <param name="otherValues">Nothing but the values of masked columns is different.</param>
    public async Task FillShop(bool otherValues = false)
    {
        var text = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "corpus/postgresql/fixture.sql"));
        var start = text.IndexOf("CREATE TABLE customers", StringComparison.Ordinal);
        var tables = text[start..text.IndexOf("GRANT USAGE ON SCHEMA shop", StringComparison.Ordinal)];
        foreach (var (one, other) in otherValues ? MaskedShop.Others : [])
        {
            tables = tables.Replace(one, other, StringComparison.Ordinal);
        }
        await Directly($"drop schema if exists shop cascade; create schema shop authorization {Role}; set role {Role}; set search_path = shop, public; {tables}; reset role",
            $"alter database {Database} set search_path = shop, public",
            $"grant usage on schema shop to {Readers}, {Writers}; grant select on all tables in schema shop to {Readers}, {Writers}; " +
            $"grant insert, update, delete, truncate on all tables in schema shop to {Writers}; grant all on all sequences in schema shop to {Readers}, {Writers}",
            $"revoke execute on function shop.f_secdef(int) from public; grant execute on function shop.f_secdef(int) to {Readers}");
    }

    public LoginTerms Reading => new([Readers], []);
    public LoginTerms Writing => new([Writers], []);

    public Task<PgQueries> Own() => upstream.Own(Database, CancellationToken.None);

    public async Task<MaskOutcome> Ready(IReadOnlyList<MaskRule>? rules = null, LoginTerms? login = null, bool mayApply = true, MaskSchemas? masks = null)
    {
        using var own = await Own();
        return await (masks ?? Masks).Ready(own, rules ?? Rules, login ?? Reading, mayApply, CancellationToken.None);
    }

    public async Task<MaskGroup> Group(IReadOnlyList<MaskRule>? rules = null, LoginTerms? login = null)
    {
        var outcome = await Ready(rules, login);
        Assert.True(outcome.Group is not null, outcome.Unavailable);
        return outcome.Group;
    }

    /// <summary>A session of a login that is in the group and nothing else, as the server gives it.</summary>
    public async Task<RawClient> Login(MaskGroup group)
    {
        var login = $"{Role}_{group.Role[^12..]}";
        if (!roles.Contains(login))
        {
            roles.Add(login);
            await OnServer($"create role {login} login password '{login}-secret' in role {group.Role}");
        }
        var client = await RawClient.Dial(server.Port);
        await client.Login(login, login + "-secret", ("database", Database), ("search_path", group.SearchPath), ("client_encoding", "UTF8"));
        return client;
    }

    /// <summary>Runs what each finding that refuses says closes it, until there is none.</summary>
    public async Task Close(MaskOutcome outcome)
    {
        foreach (var finding in outcome.Findings.Where(f => f.Refuses))
        {
            await Directly(finding.Close);
        }
    }

    public static string Story(IEnumerable<(char Type, byte[] Body)> got) => string.Join(';', got.Where(m => m.Type is 'D' or 'E').Select(m =>
        m.Type == 'E' ? $"{RawClient.Field(m.Body, 'C')} {RawClient.Field(m.Body, 'M')}" : string.Join('|', RawClient.Columns(m.Body))));

    /// <summary>What a statement gives a login: rows with `|` and `;`, or the error.</summary>
    public static async Task<string> See(RawClient client, string sql) => Story(await client.Ask(RawClient.Query(sql)));

    public Task Directly(params string[] statements) => direct.Run(statements);

    /// <summary>Past the database: one connection of those that all such databases share.</summary>
    public async Task OnServer(params string[] statements)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(server.ConnectionString) { Pooling = true }.ConnectionString);
        await connection.OpenAsync();
        foreach (var sql in statements)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            await command.ExecuteNonQueryAsync();
        }
    }

    public async Task<string> Ask(string sql) => Convert.ToString(await direct.Ask(sql), CultureInfo.InvariantCulture) ?? "";

    /// <summary>Takes a dump, and puts what is in it in the database's place, as operators do.</summary>
    public async Task Restore()
    {
        var dump = Path.Combine(Path.GetTempPath(), $"{Database}.dump");
        var at = new Dictionary<string, string>
        {
            ["PGHOST"] = server.Host!,
            ["PGPORT"] = server.Port.ToString(CultureInfo.InvariantCulture),
            ["PGUSER"] = server.Username!,
            ["PGPASSWORD"] = server.Password ?? "",
        };
        var dumped = await Programs.Run("pg_dump", at, "--create", "--file", dump, Database);
        Assert.True(dumped.Status == 0, dumped.Error);
        await direct.Close();
        await OnServer($"drop database {Database} with (force)");
        var restored = await Programs.Run("psql", at, "--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--dbname", "postgres", "--file", dump);
        File.Delete(dump);
        Assert.True(restored.Status == 0, restored.Error);
    }

    public async ValueTask DisposeAsync()
    {
        var groups = await Ask($"select coalesce(string_agg(rolname, ', '), '') from pg_roles where shobj_description(oid, 'pg_authid') like '%{Database}%'");
        await direct.DisposeAsync();
        await OnServer($"drop database {Database} with (force)");
        await OnServer($"drop role if exists {string.Join(", ", roles.Append(groups).Where(r => r.Length > 0).Distinct())}");
        await OnServer($"drop owned by {Role} cascade", $"drop role {Role}");
        upstream.Dispose();
        File.Delete(passwordFile);
    }
}
