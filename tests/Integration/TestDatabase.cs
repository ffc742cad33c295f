using AccessPlane.ControlPlane.EventStore;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration;

/// <summary>A database of its own on the log's server, with the log's tables in it. Dropped at the end.</summary>
public sealed class TestDatabase : IAsyncLifetime
{
    /// <summary>With its password, which a data source does not give back.</summary>
    public string ConnectionString { get; private set; } = "";

    public NpgsqlDataSource Source { get; private set; } = null!;
    public LogPulse Pulse { get; private set; } = null!;
    public EventLog Log { get; private set; } = null!;
    public LogTail Tail { get; private set; } = null!;
    public Handle Handle { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        ConnectionString = new NpgsqlConnectionStringBuilder(await Servers.CreateDatabase()) { MaxPoolSize = 40 }.ConnectionString;
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
        await Servers.DropDatabase(ConnectionString);
    }
}
