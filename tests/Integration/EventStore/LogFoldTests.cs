using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AccessPlane.Tests.Integration.EventStore;

/// <summary>Whoever decides on a state that is folded from the log decides on all that had been appended when they asked, whoever appended it.</summary>
public sealed class LogFoldTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    private static readonly string[] Registered = [EventNames.Of(typeof(ResourceRegistered))];
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private LogFold<Seen> Fold() => new(database.Tail, new Seen([]), Registered, (seen, stored) => new Seen([.. seen.Names, ((ResourceRegistered)stored.Event).Resource]));

    private static Task<Appended> Happens(EventLog log, string name) => log.Append(
        new Append([new StreamAppend(Guid.CreateVersion7(), "resource", 0, [new ResourceRegistered(name, "postgresql")])], new EventContext(Actor.System("test"), Guid.Empty)),
        Cancel);

    [Fact]
    public async Task What_another_replica_appended_is_seen_though_nobody_was_told_of_it()
    {
        using var silent = new LogPulse(database.Source, TimeProvider.System, NullLogger<LogPulse>.Instance); // never started: it tells nobody
        var other = new EventLog(database.Source, TimeProvider.System, silent);
        using var fold = Fold();
        for (var i = 0; i < 50; i++)
        {
            var name = $"r{Guid.CreateVersion7():N}";
            await Happens(i % 2 == 0 ? other : database.Log, name);
            Assert.Equal(name, (await fold.Current(Cancel)).Names[^1]);
        }
    }

    [Fact]
    public async Task Two_that_are_folded_from_one_reading_see_the_same_and_whoever_begins_late_sees_all_of_it()
    {
        using var early = Fold();
        await early.Current(Cancel);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async writer =>
        {
            for (var i = 0; i < 30; i++)
            {
                await Happens(database.Log, $"r{writer}x{i}");
                await early.Current(Cancel);
            }
        }));
        using var late = Fold();
        Assert.Equal((await early.Current(Cancel)).Names, (await late.Current(Cancel)).Names);
    }

    private sealed record Seen(IReadOnlyList<string> Names);
}
