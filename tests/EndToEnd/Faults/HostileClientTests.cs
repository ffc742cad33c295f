using System.Collections.Concurrent;
using System.Diagnostics;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Faults;

/// <summary>Clients that say nothing, too little, too slowly or nonsense, by the thousand, at the door of a real agent: those inside go on, and nothing stays behind.</summary>
public sealed class HostileClientTests(TestWorld world)
{
    private const int Standing = 1000;
    private const int Garbage = 1000;
    private const int AtOnce = 8;
    private const int PlacesOfOneAddress = 256;
    private const int TooMany = 50;
    private const long MemoryMayGrowBy = 64L << 20;

    /// <summary>Nobody inside waits as long as this for one answer, whatever goes on outside.</summary>
    private static readonly TimeSpan Unacceptable = TimeSpan.FromSeconds(5);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact(Explicit = true)]
    public async Task A_thousand_silent_ones_a_thousand_slow_ones_and_a_thousand_that_say_nonsense_cost_nobody_inside_an_answer_and_leave_nothing_behind()
    {
        var ticket = await world.Everything(connections: 8);
        await using var one = await Resident.MovesIn(ticket);
        await using var another = await Resident.MovesIn(ticket);
        (await Stand(Standing, i => $"127.0.2.{i % 8 + 1}")).ForEach(s => s.Dispose()); // the process grows to the size that it keeps
        await Babble(Garbage);
        var before = await Held.Now();
        var (onesBefore, othersBefore) = (one.Answered, another.Answered);

        var ofSilent = await PutOut(drip: false, () => Babble(Garbage));
        var ofSlow = await PutOut(drip: true, async () =>
        {
            var next = await Resident.MovesIn(ticket); // who has a ticket gets in meanwhile
            await next.MovesOut();
            await next.DisposeAsync();
        });
        await one.MovesOut();
        await another.MovesOut();
        var after = await Held.Settled(before);
        var inside = (one.Answered - onesBefore) + (another.Answered - othersBefore);
        FaultReport.Saw(
            $"{Standing} silent ones were put out within {ofSilent.TotalSeconds:0.0} s, {Standing} that said a byte a second within {ofSlow.TotalSeconds:0.0} s, {Garbage} that sent nonsense at once; those inside had {inside} right answers " +
            $"meanwhile, the longest after {Math.Max(one.Longest.TotalMilliseconds, another.Longest.TotalMilliseconds):0} ms; the agent before: {before}; after: {after}");
        Assert.All([one, another], r => Assert.InRange(r.Longest, TimeSpan.Zero, Unacceptable));
        Assert.All([one.Answered - onesBefore, another.Answered - othersBefore], n => Assert.True(n > 100, $"{n} answers only"));
        Assert.True(after.Memory - before.Memory < MemoryMayGrowBy, $"the agent grew by {(after.Memory - before.Memory) >> 20} MiB");
    }

    [Fact]
    public async Task One_address_cannot_take_the_places_of_others_and_is_told_so()
    {
        var ticket = await world.Everything(connections: 1);
        var strangers = await Stand(PlacesOfOneAddress + TooMany, _ => "127.0.3.1");
        var told = new ConcurrentQueue<string>();
        try
        {
            // whoever comes in first: so many find no place
            strangers.ForEach(s => _ = Listen(s));
            await Wait.Until(() => told.Count(h => h.Length > 0) >= TooMany, 20, () => $"{told.Count} were told something");
            Assert.All(told.Where(h => h.Length > 0), h => Assert.Contains("too many logins from your address at a time: try again shortly", h, StringComparison.Ordinal));
            await using var inside = await Resident.MovesIn(ticket);
            await Wait.Until(() => inside.Answered > 10, 20, () => "no answer");
            await inside.MovesOut();
            FaultReport.Saw(
                $"{strangers.Count} connections of one address: {told.Count(h => h.Length > 0)} were told that it has no more places; who has a ticket got in from another one and had {inside.Answered} answers");
        }
        finally
        {
            strangers.ForEach(s => s.Dispose());
        }

        async Task Listen(Stranger stranger) => told.Enqueue(await stranger.Hears(Cancel));
    }

    /// <summary>A thousand stand at the door until all are put out.</summary>
    /// <returns>How long the last one stood there.</returns>
    private async Task<TimeSpan> PutOut(bool drip, Func<Task> meanwhile)
    {
        var strangers = await Stand(Standing, i => $"127.0.2.{i % 8 + 1}");
        var drips = drip ? strangers.Select(s => s.Drips(Cancel)).ToList() : [];
        var putOut = Task.WhenAll(strangers.Select(async s => (Heard: await s.Hears(Cancel), After: Stopwatch.GetTimestamp())));
        var stood = Stopwatch.GetTimestamp();
        await meanwhile();
        var heard = await putOut.WaitAsync(TimeSpan.FromSeconds(30 * Wait.Patience), Cancel);
        Assert.All(heard, h => Assert.Equal("", h.Heard)); // there is nothing to say to them
        var longest = Stopwatch.GetElapsedTime(stood, heard.Max(h => h.After));
        Assert.InRange(longest, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(20));
        await Task.WhenAll(drips);
        strangers.ForEach(s => s.Dispose());
        return longest;
    }

    private async Task<List<Stranger>> Stand(int count, Func<int, string> from)
    {
        var all = new List<Stranger>(count);
        for (var i = 0; i < count; i++)
        {
            all.Add(await Stranger.Dial(world.AgentPort, from(i)));
        }
        return all;
    }

    /// <summary>Each of them is heard to its end, and ended by the agent.</summary>
    private Task Babble(int count) => Parallel.ForEachAsync(
        Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = Cancel }, async (i, cancel) =>
        {
            using var stranger = await Stranger.Dial(world.AgentPort, $"127.0.4.{i % 8 + 1}");
            await stranger.Babbles(i, cancel);
            await stranger.Hears(cancel).WaitAsync(TimeSpan.FromSeconds(30 * Wait.Patience), cancel);
        });
}
