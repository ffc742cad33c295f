using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AccessPlane.Tests.Integration.EventStore;

/// <summary>Two replicas on one database: what one appends wakes the other. Nobody here looks again by themselves.</summary>
public sealed class PulseTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private LogPulse Other() => new(database.Source, TimeProvider.System, NullLogger<LogPulse>.Instance);

    private Task<Appended> Happen(EventLog? log = null) => (log ?? database.Log).Append(
        new Append(
            [new StreamAppend(Guid.CreateVersion7(), "resource", 0, [new ResourceRegistered("r", "postgresql")])], new EventContext(Actor.System("test"), Guid.Empty)),
        Cancel);

    [Fact]
    public async Task What_one_replica_appends_wakes_the_other_each_time()
    {
        using var other = Other();
        var listens = other.Next;
        await other.StartAsync(Cancel);
        await listens.WaitAsync(Patience, Cancel);
        for (var i = 0; i < 3; i++)
        {
            var woken = other.Next;
            await Happen();
            await woken.WaitAsync(Patience, Cancel);
        }
        await other.StopAsync(Cancel);
    }

    [Fact]
    public async Task What_a_replica_appended_itself_it_is_not_told_of_again()
    {
        using var own = Other(); // that of the class may be on its way back to the log
        using var other = Other();
        foreach (var pulse in (LogPulse[])[own, other])
        {
            var listens = pulse.Next;
            await pulse.StartAsync(Cancel);
            await listens.WaitAsync(Patience, Cancel);
        }
        var log = new EventLog(database.Source, TimeProvider.System, own);
        var before = own.Beats;
        for (var i = 1; i <= 5; i++)
        {
            var woken = other.Next;
            await Happen(log);
            await woken.WaitAsync(Patience, Cancel); // whoever listens has heard of it, or hears of it now
            Assert.Equal(before + i, own.Beats);
        }
        await other.StopAsync(Cancel);
        await own.StopAsync(Cancel);
    }

    [Fact]
    public async Task A_replica_that_lost_its_connection_looks_when_it_is_back_and_listens_again()
    {
        using var other = Other();
        var listens = other.Next;
        await other.StartAsync(Cancel);
        await listens.WaitAsync(Patience, Cancel);
        var back = other.Next;
        await using (var kill = database.Source.CreateCommand(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"))
        {
            Assert.True((long)(await kill.ExecuteScalarAsync(Cancel))! > 0);
        }
        await back.WaitAsync(Patience, Cancel);
        var woken = other.Next;
        await Happen();
        await woken.WaitAsync(Patience, Cancel);
        await other.StopAsync(Cancel);
    }
}
