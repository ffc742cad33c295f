using AccessPlane.ControlPlane.EventStore;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration;

/// <summary>A database of its own on the log's server, with the log's tables in it. Dropped at the end.</summary>
public sealed class TestDatabase : IAsyncLifetime
{
    private static readonly string Server = Required("ACCESSPLANE_TEST_PG");
    private static readonly NpgsqlDataSource OfServer = NpgsqlDataSource.Create(Server);
    private readonly string name = $"test_{Guid.CreateVersion7():N}";

    /// <summary>With its password, which a data source does not give back.</summary>
    public string ConnectionString => new NpgsqlConnectionStringBuilder(Server) { Database = name, MaxPoolSize = 40 }.ConnectionString;

    public NpgsqlDataSource Source { get; private set; } = null!;
    public LogPulse Pulse { get; private set; } = null!;
    public EventLog Log { get; private set; } = null!;
    public LogTail Tail { get; private set; } = null!;
    public Handle Handle { get; private set; } = null!;

    /// <summary>A setting that the test command gives; without it nothing here can be tested.</summary>
    public static string Required(string variable) =>
        Environment.GetEnvironmentVariable(variable) ?? throw new InvalidOperationException($"{variable} is not set: run infra/test, which starts the servers");

    public async ValueTask InitializeAsync()
    {
        await OnServer($"CREATE DATABASE {name}");
        Source = new NpgsqlDataSourceBuilder(ConnectionString).Build();
        await new Schema(Source).Create(CancellationToken.None);
        Pulse = new LogPulse(Source, TimeProvider.System, NullLogger<LogPulse>.Instance);
        await Pulse.StartAsync(CancellationToken.None);
        Log = new EventLog(Source, TimeProvider.System, Pulse);
        Tail = new LogTail(Log, Pulse, TimeProvider.System);
        Handle = new Handle(Log);
    }

    public async ValueTask DisposeAsync()
    {
        await Pulse.StopAsync(CancellationToken.None);
        Pulse.Dispose();
        Tail.Dispose();
        await Source.DisposeAsync();
        await OnServer($"DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    }

    private static async Task OnServer(string sql)
    {
        await using var command = OfServer.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
