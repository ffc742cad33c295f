using System.Security.Cryptography;

using AccessPlane.Agent.Protocols.PostgreSql.Masking;
using AccessPlane.Tests.Integration.Masking;
using Npgsql;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>A database on the sample server, with the role that an agent has there: one's own, or another agent's.</summary>
internal sealed class WireDatabase : IAsyncDisposable
{
    private readonly NpgsqlConnectionStringBuilder server;
    private readonly bool isGuest;
    private readonly KeptConnection direct;

    private WireDatabase(NpgsqlConnectionStringBuilder server, string name, string role, bool isGuest)
    {
        this.server = server;
        this.isGuest = isGuest;
        Name = name;
        Role = role;
        direct = new KeptConnection(ConnectionString);
    }

    public string Name { get; }
    public string Role { get; }
    public string Password => Role + "-secret";
    public string Host => server.Host!;
    public int Port => server.Port;
    public string ConnectionString => new NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = Name, Pooling = false }.ConnectionString;

    public static async Task<WireDatabase> Make(WireOptions options)
    {
        var text = Servers.Need(options.On == PgServer.Newer ? "ACCESSPLANE_TEST_POSTGRES_18" : "ACCESSPLANE_TEST_ORDERS");
        var server = new NpgsqlConnectionStringBuilder(text);
        var beside = options.Beside?.Data;
        var role = beside is not null && !options.OwnRole ? beside.Role : $"wire_{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(5))}";
        var made = new WireDatabase(server, beside?.Name ?? role, role, beside is not null);
        if (role != beside?.Role)
        {
            await Run(server, null, $"create role {role} login password '{made.Password}' {(options.Superuser ? "superuser" : "")} {options.Attributes}",
                beside is null ? $"create database {role} owner {role}" : $"grant {beside.Role} to {role}");
        }
        if (options.OwnsMasks)
        {
            // who did not make the owner of masks must be given it, from 16 on; here every database has a role of its own
            await Run(server, null, $"do $$ begin create role {MaskSql.Owner}; exception when duplicate_object or unique_violation then null; end $$",
                $"grant {MaskSql.Owner} to {role} with admin option");
        }
        if (options.Before is { Length: > 0 } before)
        {
            await Run(server, made.Name, [$"set role {role}", .. before]); // by a connection of its own: it may change what others begin with
        }
        return made;
    }

    /// <summary>Runs statements as superuser. What they set for their session ends with them.</summary>
    public Task Run(params string[] statements) => direct.Run(statements);

    /// <summary>The first column of the first row, as superuser.</summary>
    public Task<object?> Ask(string sql) => direct.Ask(sql);

    /// <summary>The database, empty again; then these statements, past it.</summary>
    public async Task MakeAgain(params string[] statements)
    {
        await direct.Close();
        await Run(server, null, [$"drop database {Name} with (force)", $"create database {Name} owner {Role}", .. statements]);
    }

    public async ValueTask DisposeAsync()
    {
        if (isGuest && Role != Name)
        {
            await Run($"reassign owned by {Role} to {Name}", $"drop owned by {Role}", $"drop role {Role}");
        }
        await direct.DisposeAsync();
        if (!isGuest)
        {
            await DropAll();
        }
    }

    private async Task DropAll() =>
        await Run(server, null, $"drop database if exists {Name} with (force)",
            $"""
            do $$ declare made text; begin
              for made in select rolname from pg_roles r join pg_shdescription d on d.objoid = r.oid and d.classoid = 'pg_authid'::regclass
                where d.description like '%"{Role}"%' loop
                execute format('drop role %I', made);
              end loop;
            end $$
            """, $"drop role if exists {Role}");

    private static async Task Run(NpgsqlConnectionStringBuilder server, string? database, params string[] statements)
    {
        if (statements.Length == 0)
        {
            return;
        }
        // a backend is not cheap: those that everybody uses are kept, and nobody asks for types that no answer needs
        var to = new NpgsqlConnectionStringBuilder(server.ConnectionString + Servers.Plainly) { Pooling = database is null };
        to.Database = database ?? to.Database;
        await using var connection = new NpgsqlConnection(to.ConnectionString);
        await connection.OpenAsync();
        foreach (var statement in statements)
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await command.ExecuteNonQueryAsync();
        }
    }
}
