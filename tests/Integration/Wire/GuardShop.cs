using System.Collections.Concurrent;
using System.Text.Json;
using AccessPlane.Contracts.Policy;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>The shop of the guard corpus behind an agent that has the most powerful login, and the corpus's cases.</summary>
public sealed class GuardShop : IAsyncLifetime
{
    private const string Template = "shopdb";

    private static readonly string[] Roles = ["app_owner", "gw_ro", "gw_rw", "gw_masked", "gw_col", "gw_repl", "mask_owner", "other_user"];

    private static readonly string[] Writes = ["insert", "update", "delete", "merge"];

    private static readonly string[] Changes =
    [
        "truncate", "create", "alter", "drop", "grant", "revoke", "comment", "security-label", "copy-from", "do", "call", "lock", "refresh", "reindex",
        "cluster", "vacuum", "analyze", "import", "reassign", "load", "checkpoint", "discard",
    ];

    private static readonly string[] Functions =
    [
        "pg_terminate_backend", "pg_cancel_backend", "pg_read_*", "pg_ls_*", "pg_stat_file", "lo_*", "dblink*", "pg_file_*", "pg_logical_*", "pg_create_*",
        "pg_drop_*", "pg_switch_wal", "pg_reload_conf", "pg_rotate_logfile", "pg_promote", "pg_replication_*", "set_config", "setval",
    ];

    private readonly ConcurrentDictionary<string, string> databases = [];
    private int made;

    internal WireAgent Agent { get; private set; } = null!;

    public static string Folder => Path.Combine(Servers.Need("ACCESSPLANE_TEST_ROOT"), "tests/corpus/postgresql");

    public static IReadOnlyList<GuardCase> Cases { get; } =
        [.. File.ReadAllLines(Path.Combine(Folder, "guard_cases.jsonl")).Select(line => new GuardCase(JsonDocument.Parse(line).RootElement))];

    private static string Superuser => Servers.Need("ACCESSPLANE_TEST_ORDERS");

    public async ValueTask InitializeAsync()
    {
        await Sweep();
        var server = new NpgsqlConnectionStringBuilder(Superuser);
        var environment = new Dictionary<string, string>
        {
            ["PGHOST"] = server.Host!,
            ["PGPORT"] = $"{server.Port}",
            ["PGUSER"] = server.Username!,
            ["PGPASSWORD"] = server.Password ?? "",
            ["PGDATABASE"] = server.Database!,
        };
        var made = await Programs.Run("psql", environment, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", Path.Combine(Folder, "fixture.sql"));
        Assert.True(made.Status == 0, made.Error);
        Agent = await WireAgent.Start(new WireOptions(Superuser: true));
        await Agent.Directly($"alter role {Agent.Direct.User} set search_path = shop, public");
    }

    public async ValueTask DisposeAsync()
    {
        await Agent.DisposeAsync();
        await Run(Superuser, "alter role postgres reset search_path"); // the fixture set it for the whole server
        await Sweep();
    }

    /// <summary>What is denied from here on: changes, what is unbounded, and, where it is said, every write. No rule names what cannot be read.</summary>
    public void Deny(bool everyWrite) => Agent.Publish(model => model with
    {
        Guardrails =
        [
            Rule("no-changes", Match.Everything with { Statements = everyWrite ? [.. Writes, .. Changes] : Changes }),
            Rule("no-bulk", Match.Everything with { Unbounded = true }),
            Rule("no-reach", Match.Everything with { Functions = Functions }),
        ],
    });

    private static Guardrail Rule(string id, Match match) => new(id, "orders", match, Effect.Deny);

    /// <summary>A database for the case: cases that need no objects of their own share one, because nothing may happen to it.</summary>
    public async Task<string> DatabaseFor(GuardCase one)
    {
        var key = one.Setup is null ? "" : one.Id;
        if (databases.TryGetValue(key, out var known))
        {
            return known;
        }
        var name = $"guard_{Interlocked.Increment(ref made)}";
        await Run(Superuser, $"create database {name} template {Template} owner app_owner");
        if (one.Setup is { } setup)
        {
            await Run(In(name), $"set search_path = shop, public; {setup.Replace("\"$database\"", name, StringComparison.Ordinal)}");
        }
        return databases[key] = name;
    }

    public static async Task<bool> IsTrue(string database, string probe)
    {
        await using var connection = new NpgsqlConnection(In(database));
        await connection.OpenAsync();
        await using var ask = new NpgsqlCommand(probe, connection);
        try
        {
            return await ask.ExecuteScalarAsync() is true;
        }
        catch (PostgresException absent) when (absent.SqlState is PostgresErrorCodes.InvalidSchemaName or PostgresErrorCodes.UndefinedObject)
        {
            return false; // what it asks about was not even made
        }
    }

    private static async Task<List<string>> Names(string sql)
    {
        await using var connection = new NpgsqlConnection(Superuser + Servers.Plainly);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await using var rows = await command.ExecuteReaderAsync();
        var names = new List<string>();
        while (await rows.ReadAsync())
        {
            names.Add(rows.GetString(0));
        }
        return names;
    }

    private static string In(string database) => new NpgsqlConnectionStringBuilder(Superuser + Servers.Plainly) { Database = database }.ConnectionString;

    private static async Task Run(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString + Servers.Plainly);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task Sweep()
    {
        // a run that was stopped leaves its own behind
        foreach (var database in await Names("select datname from pg_database where datname ~ '^guard_[0-9]+$'"))
        {
            await Run(Superuser, $"drop database if exists {database} with (force)");
        }
        await Run(Superuser, $"drop database if exists {Template} with (force)");
        foreach (var role in Roles)
        {
            await Run(Superuser, $"drop role if exists {role}");
        }
    }
}

/// <summary>One line of the corpus.</summary>
public sealed record GuardCase(JsonElement Line)
{
    public string Id => Text("id")!;
    public string Class => Text("class")!;
    public string? Setup => Text("setup");
    public string? Probe => Text("probe") is { } probe && probe != "SELECT true" ? probe : null;
    public string Mode => Text("mode") ?? "simple";
    public string? Encoding => Text("client_encoding");
    public string? Options => Line.TryGetProperty("params", out var all) && all.TryGetProperty("options", out var options) ? options.GetString() : null;
    public string?[] Bound => Line.TryGetProperty("params", out var all) && all.TryGetProperty("__bind", out var bound) ? [.. bound.EnumerateArray().Select(b => b.GetString())] : [];

    /// <summary>The texts that go through the agent, as bytes.</summary>
    public IReadOnlyList<byte[]> Texts =>
    [
        .. Encoding is { } encoding ? (byte[][])[Bytes($"set client_encoding = '{encoding}'")] : [],
        .. List("pre").Concat(List("sql")).Select(Bytes),
        .. Text("hex") is { } hex ? (byte[][])[Convert.FromHexString(hex)] : [],
        .. Text("sql_generator") is not null ? (byte[][])[Bytes($"/*{new string('x', 1024 * 1024)}*/DROP TABLE pub")] : [],
    ];

    private IEnumerable<string> List(string name) => Line.TryGetProperty(name, out var list) ? list.EnumerateArray().Select(t => t.GetString()!) : [];

    private string? Text(string name) => Line.TryGetProperty(name, out var text) ? text.GetString() : null;

    private static byte[] Bytes(string text) => System.Text.Encoding.UTF8.GetBytes(text);

    public override string ToString() => Id;
}
