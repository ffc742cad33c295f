using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using Xunit;

namespace AccessPlane.Tests.Integration.EventStore;

/// <summary>Whoever follows the log over one reading for all is told what a reading of their own would have told them.</summary>
public sealed class LogTailTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    private static readonly string[] Registered = ["resource_registered"];
    private static readonly string[] Locked = ["lock_placed"];
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private LogTail Tail() => new(database.Log, database.Pulse, TimeProvider.System);

    private async Task<long> Happens(params IEvent[] events)
    {
        var appended = await database.Log.Append(
            new Append([.. events.Select(e => new StreamAppend(Guid.CreateVersion7(), "resource", 0, [e]))], new EventContext(Actor.System("test"), Guid.Empty)), Cancel);
        return Assert.IsType<Appended.Done>(appended).Position;
    }

    private static ResourceRegistered Resource(int number) => new($"r{number}", "postgresql");

    private static LockPlaced Lock() => new(Guid.CreateVersion7(), new LockTarget(Resource: "payroll"), "test", null, Actor.System("test"));

    [Fact]
    public async Task Everybody_sees_every_event_of_theirs_once_and_in_order_while_many_append()
    {
        using var tail = Tail();
        var start = await database.Log.Head(Cancel);
        var done = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
        IReadOnlyCollection<string>?[] wants = [Registered, Registered, Locked, null, [.. Registered, .. Locked]];
        var following = wants.Select(types => Task.Run(() => Follow(tail, start, types, done.Task))).ToList();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async writer =>
        {
            for (var i = 0; i < 60; i++)
            {
                await Happens(i % 3 == 0 ? Lock() : Resource(i));
            }
        }));
        done.SetResult(await database.Log.Drawn(Cancel));
        foreach (var (types, seen) in wants.Zip(await Task.WhenAll(following)))
        {
            Assert.Equal((await database.Log.ReadAll(start, types, 10_000, Cancel)).Select(e => e.Position), seen);
        }
    }

    [Fact]
    public async Task Who_comes_later_and_wants_something_else_misses_nothing_of_it()
    {
        using var tail = Tail();
        var start = await database.Log.Head(Cancel);
        await tail.Read(start, Registered, 100, Cancel);
        await Happens(Resource(1));
        var placed = await Happens(Lock());
        await Happens(Resource(2));
        Assert.Equal(2, (await tail.Read(start, Registered, 100, Cancel)).Events.Count);
        Assert.Equal(placed, Assert.Single((await tail.Read(start, Locked, 100, Cancel)).Events).Position);
        Assert.Equal(3, (await tail.Read(start, null, 100, Cancel)).Events.Count);
        Assert.Equal(2, (await tail.Read(start, Registered, 100, Cancel)).Events.Count);
    }

    [Fact]
    public async Task Who_is_handed_one_by_one_gets_all_of_them_and_who_is_far_behind_reads_for_itself()
    {
        var start = await database.Log.Head(Cancel);
        var positions = new List<long>();
        for (var i = 0; i < 5; i++)
        {
            positions.Add(await Happens(Resource(i)));
        }
        using var tail = Tail(); // it begins where the log ends
        var (at, seen) = (start, new List<long>());
        for (var more = true; more;)
        {
            var page = await tail.Read(at, Registered, 1, Cancel);
            seen.AddRange(page.Events.Select(e => e.Position));
            (at, more) = (page.Position, page.More);
        }
        Assert.Equal(positions, seen);
        Assert.Equal(await Happens(Resource(6)), Assert.Single((await tail.Read(at, Registered, 1, Cancel)).Events).Position);
    }

    private async Task<List<long>> Follow(LogTail tail, long from, IReadOnlyCollection<string>? types, Task<long> done)
    {
        var seen = new List<long>();
        while (!done.IsCompleted || from < await done)
        {
            var changed = database.Pulse.Next;
            var page = await tail.Read(from, types, 7, Cancel);
            seen.AddRange(page.Events.Select(e => e.Position));
            from = page.Position;
            if (!page.More)
            {
                await Task.WhenAny(changed, done, Task.Delay(1000, Cancel));
            }
        }
        return seen;
    }
}
