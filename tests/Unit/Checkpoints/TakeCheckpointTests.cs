using System.Collections.Immutable;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Evidence;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.Evidence;
using Xunit;

namespace AccessPlane.Tests.Unit.Checkpoints;

public sealed class TakeCheckpointTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    private static readonly Actor Someone = Actor.System("someone");

    private static Guid Session(int n) => new($"0199aaaa-0000-7000-8000-{n:D12}");

    private static SessionOpened Opened(int n, string agent = "a", string resource = "orders", long? number = null) => new(
        Session(n), Guid.Empty, resource, agent, Someone, "orders", "", "", Noon, number ?? n, 1);

    private static TranscriptRecorded Recorded(int n, int segment, bool final = false) => new(
        Session(n), "a", segment, segment, segment, "", $"head {n}/{segment}", final, "", "");

    private static ImmutableSortedDictionary<Guid, SessionHead> Heads(params IEvent[] events) => events.Aggregate(CheckpointChain.Initial.Heads, CheckpointChain.After);

    private static Stored Stored(EvidenceCheckpointed taken) => new(
        taken.Checkpoint.Number, Ids.Checkpoints, taken.Checkpoint.Number, Guid.Empty, taken.Checkpoint.At, new EventContext(Someone, Guid.Empty), taken);

    private static Taking At(int minute, long tip = 10, ImmutableSortedDictionary<Guid, SessionHead>? heads = null, string? skip = null) => new(
        tip, [], heads ?? CheckpointChain.Initial.Heads, skip ?? Checkpoint.None, "key", Noon.AddMinutes(minute));

    private static CheckpointChain Given(params EvidenceCheckpointed[] taken) => taken.Select(Stored).Aggregate(CheckpointChain.Initial, CheckpointChain.Fold);

    /// <summary>A chain as it grows: the skips are looked up as the control plane does.</summary>
    private static List<EvidenceCheckpointed> Chain(int length)
    {
        var taken = new List<EvidenceCheckpointed>();
        for (var n = 1; n <= length; n++)
        {
            var skip = Checkpoint.SkipOf(n);
            taken.Add(TakeCheckpoint.Next(Given([.. taken]), At(n, tip: 10 * n, skip: skip == 0 ? null : taken[(int)skip - 1].Checkpoint.Hash())));
        }
        return taken;
    }

    [Fact]
    public void The_first_checkpoint_follows_none()
    {
        var first = TakeCheckpoint.Next(Given(), At(1, heads: Heads(Opened(1))));
        Assert.Equal((1, Checkpoint.None, Checkpoint.None), (first.Checkpoint.Number, first.Checkpoint.Previous, first.Checkpoint.Skip));
        Assert.Equal([Session(1)], first.Changed.Select(h => h.Session));
    }

    [Fact]
    public void Each_names_the_hash_of_the_one_before()
    {
        var chain = Chain(9);
        Assert.Equal(Enumerable.Range(1, 9).Select(n => (long)n), chain.Select(c => c.Checkpoint.Number));
        Assert.Equal(chain[..^1].Select(c => c.Checkpoint.Hash()), chain[1..].Select(c => c.Checkpoint.Previous));
    }

    [Fact]
    public void Only_what_changed_is_listed_and_all_is_in_the_tree()
    {
        var first = TakeCheckpoint.Next(Given(), At(1, heads: Heads(Opened(1), Opened(2), Recorded(1, 1))));
        var heads = Heads(Opened(1), Opened(2), Recorded(1, 1), Opened(3), Recorded(1, 2, final: true));
        var second = TakeCheckpoint.Next(Given(first), At(2, heads: heads));
        Assert.Equal([(Session(1), 2, true), (Session(3), 0, false)], second.Changed.Select(h => (h.Session, h.Segments, h.Final)));
        Assert.Equal(TreeHead.Of(heads.Values.Select(h => h.Leaf())), second.Checkpoint.Sessions);
        Assert.Equal(heads, Given(first, second).Heads);
    }

    [Fact]
    public void Sessions_are_counted_for_each_agent_and_resource()
    {
        var taken = TakeCheckpoint.Next(Given(), At(1, heads: Heads(Opened(1, "b"), Opened(2), Opened(3, resource: "payroll"), Opened(4))));
        Assert.Equal([("a", "orders", 2), ("a", "payroll", 1), ("b", "orders", 1)], taken.Counts.Select(c => (c.Agent, c.Resource, c.Sessions)));
        Assert.Equal(TreeHead.Of(taken.Counts.Select(c => c.Leaf())), taken.Checkpoint.Counts);
    }

    [Fact]
    public void A_clock_that_goes_back_does_not_take_the_checkpoints_with_it()
    {
        var first = TakeCheckpoint.Next(Given(), At(5));
        Assert.Equal(first.Checkpoint.At, TakeCheckpoint.Next(Given(first), At(1)).Checkpoint.At);
    }

    [Fact]
    public void What_is_signed_survives_storage()
    {
        var taken = TakeCheckpoint.Next(Given(), At(1, heads: Heads(Opened(1))) with { Now = Noon.AddTicks(1_234_567) });
        var back = (EvidenceCheckpointed)StoredJson.EventOf(EventNames.Of(taken), StoredJson.DataOf(taken));
        Assert.Equal(taken.Checkpoint.Hash(), back.Checkpoint.Hash());
    }

    [Fact]
    public void Every_member_is_part_of_what_is_signed()
    {
        var good = Chain(3)[2].Checkpoint;
        var tree = new TreeHead(7, Checkpoint.None);
        Checkpoint[] others =
        [
            good with { Number = 4 }, good with { At = good.At.AddMicroseconds(1) }, good with { Previous = good.Skip + "0" }, good with { Skip = "x" }, good with { Tip = 1 },
            good with { Events = tree }, good with { Sessions = tree }, good with { Changed = tree }, good with { Counts = tree }, good with { Key = "other" },
        ];
        Assert.All(others, other => Assert.NotEqual(good.Hash(), other.Hash()));
    }

    [Fact]
    public void A_position_is_covered_by_the_first_checkpoint_that_reaches_it()
    {
        var chain = Given([.. Chain(3)]);
        Assert.Equal([1, 1, 2, 2, 3, null], new long[] { 1, 10, 11, 20, 30, 31 }.Select(chain.Covering));
        Assert.Equal([1, 2, 3, null], new[] { 0, 2, 3, 4 }.Select(m => chain.AtOrAfter(Noon.AddMinutes(m))));
        Assert.Equal([0, 10, 30], new long[] { 0, 1, 3 }.Select(chain.TipOf));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(8, 7)]
    [InlineData(16, 9)]
    [InlineData(1_000_000, 1)]
    [InlineData(525_600, 131_071)]
    public void The_way_down_the_chain_is_short_and_each_step_is_named_by_the_one_above(long from, long to)
    {
        var path = Checkpoint.PathDown(from, to).ToList();
        Assert.Equal((from, to), (path[0], path[^1]));
        Assert.InRange(path.Count, 1, 250);
        Assert.All(path.Zip(path.Skip(1)), step => Assert.True(step.Second == step.First - 1 || step.Second == Checkpoint.SkipOf(step.First)));
    }
}
