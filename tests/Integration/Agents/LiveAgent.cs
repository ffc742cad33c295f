using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using AccessPlane.Agent;
using AccessPlane.Agent.Directives;
using AccessPlane.Agent.Recording;
using AccessPlane.Tests.Integration.Wire;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>
/// A whole agent in this process: enrolled over HTTP, at the broker with its own user, its door open in front of a database of its own on the sample
/// server.
/// </summary>
internal sealed class LiveAgent : IAsyncDisposable
{
    private readonly StateFolder state;
    private readonly NpgsqlConnectionStringBuilder server;
    private readonly AgentIdentity identity;
    private readonly IHost host;
    private readonly HostSecrets secrets;
    private readonly string id;

    private LiveAgent(
        string id, int port, StateFolder state, NpgsqlConnectionStringBuilder server, string database, AgentIdentity identity, IHost host, HostSecrets secrets) =>
        (this.id, Port, this.state, this.server, Database, this.identity, this.host, this.secrets) = (id, port, state, server, database, identity, host, secrets);

    /// <summary>Of its door.</summary>
    public int Port { get; }

    /// <summary>Why it is not ready; null when it is.</summary>
    public string? WhyNotReady => host.Services.GetRequiredService<Health>().WhyNotReady();

    /// <summary>Bytes of transcripts that the control plane holds and no checkpoint covers.</summary>
    public long Copies => host.Services.GetRequiredService<Spool>().Copies is var copies ? copies.Bytes + copies.LiveBytes : 0;

    public string Database { get; }

    /// <summary>With which it signs now.</summary>
    public string PublicKey
    {
        get
        {
            var key = "";
            identity.UseKey(k => key = Contracts.Messages.AgentKeyAnnouncement.PublicOf(k));
            return key;
        }
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A name that is free on the server: the policy names the database before the agent serves it.</summary>
    public static string NewDatabase() => $"live_{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(5))}";

    public static async Task<LiveAgent> Start(ControlPlaneHost plane, string id, string database)
    {
        var server = new NpgsqlConnectionStringBuilder(Servers.Need("ACCESSPLANE_TEST_ORDERS"));
        await Run(server, $"create role {database} login password '{database}-secret'", $"create database {database} owner {database}");
        var state = new StateFolder();
        await File.WriteAllTextAsync(state.File("password"), $"{database}-secret\n", Cancel);
        plane.Secrets.Sweep.Knows("the password at the database", $"{database}-secret");
        var upstream = new UpstreamConfig(server.Host!, server.Port, database, state.File("password"), UpstreamTls.Disable);
        var port = FreePort();
        var (config, identity) = await Enrolled(plane, id, state, new ListenerConfig("postgresql", "orders", "127.0.0.1", port, upstream));
        var builder = Host.CreateApplicationBuilder();
        // what is looked through for secrets is what is written in production
        builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Information).AddFilter("MassTransit", LogLevel.Warning).AddProvider(plane.Secrets);
        AgentHost.AddAgent(builder.Services, config, identity);
        var host = builder.Build();
        AgentHost.Begin(host.Services);
        await host.StartAsync(Cancel);
        // caught up, and the first lease is here: before that nobody is let in
        await WireAgent.Until(() => Task.FromResult(host.Services.GetRequiredService<Health>().WhyNotReady() is null));
        return new LiveAgent(id, port, state, server, database, identity, host, plane.Secrets);
    }

    /// <summary>An agent that the control plane knows, and that does not run.</summary>
    public static async Task<(AgentConfig Config, AgentIdentity Identity)> Enrolled(ControlPlaneHost plane, string id, StateFolder state, ListenerConfig door)
    {
        using var admin = plane.Client("admin", "admins");
        using var invited = await admin.PostAsJsonAsync("/v1/agents", new { id, resources = (string[])[door.Resource] }, Cancel);
        var token = (await invited.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("token").GetString()!;
        var config = new AgentConfig(id, plane.Address.ToString(), state.File("agent"), "http://127.0.0.1:1", [door], token);
        using var http = new HttpClient();
        using var logs = LoggerFactory.Create(l => l.AddProvider(plane.Secrets));
        var identity = await new Enrol(config, http, TimeProvider.System, logs.CreateLogger<Enrol>()).Run(Cancel);
        plane.Secrets.Sweep.KnowsFile(state.File("agent/enrolment.json"));
        plane.Secrets.Sweep.KnowsFile(state.File("agent/agent.pem"));
        return (config, identity);
    }

    /// <summary>Whether it believes this signing key and seals with this encryption key.</summary>
    public bool Believes(string signing, string encryption) =>
        File.Exists(state.File("agent/control-plane-keys.json")) &&
        JsonSerializer.Deserialize<TrustedKeys>(File.ReadAllText(state.File("agent/control-plane-keys.json")), Contracts.Json.Options) is { } trusted &&
        trusted.Signing.Contains(signing) && trusted.Encryption == encryption;

    /// <summary>The first column of the first row, past the agent.</summary>
    public async Task<object?> Ask(string sql)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync(Cancel);
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await host.StopAsync(CancellationToken.None);
        host.Dispose();
        identity.Dispose();
        await Run(server, $"drop database {Database} with (force)", $"drop role {Database}");
        using var broker = Servers.RabbitManagement();
        (await broker.DeleteAsync(new Uri($"api/users/agent-{id}", UriKind.Relative))).Dispose();
        // its key may be another one by now
        string[] own = [state.File("agent/enrolment.json"), .. Directory.EnumerateFiles(state.File("agent"), "*.pem")];
        Array.ForEach(own, secrets.Sweep.KnowsFile);
        secrets.HearsState(state.File("agent"), own);
        state.Dispose();
    }

    /// <summary>The control plane tells clients the port that the agent enrolled with: it has to be known before the door opens.</summary>
    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private static async Task Run(NpgsqlConnectionStringBuilder server, params string[] statements)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync();
        foreach (var statement in statements)
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await command.ExecuteNonQueryAsync();
        }
    }
}
