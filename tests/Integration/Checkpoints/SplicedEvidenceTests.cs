using System.Text;
using System.Text.Json.Nodes;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Evidence;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Integration.Checkpoints;

/// <summary>What is genuine, in another place than its own, twice, or not at all.</summary>
public sealed class SplicedEvidenceTests : IDisposable
{
    private readonly MadeEvidence made = new();
    private readonly MadeSession one;
    private readonly MadeSession other;

    public SplicedEvidenceTests()
    {
        one = new MadeSession(made, 1).Says("select 1").Says("select 2");
        made.Append(one.Id, new SessionTerminationOrdered(one.Id, MadeEvidence.Agent, People.Security, "enough"));
        one.Ends();
        made.Attest();
        other = new MadeSession(made, 2).Says("delete from shop.orders").Ends();
    }

    public void Dispose() => made.Dispose();

    private async Task Finds(string what, Action<MadePack> change)
    {
        var pack = made.Pack();
        change(pack);
        (await OfflineVerifier.Verify(pack.Sealed())).IsWrong(what);
    }

    [Fact]
    public async Task What_nobody_changed_is_right() => (await OfflineVerifier.Verify(made.Pack().Sealed(), made.Files())).IsRight();

    [Fact]
    public async Task A_part_of_one_session_does_not_pass_for_anothers() =>
        await Finds($"session {other.Id}, segment 2: it does not continue the chain", pack => pack.SegmentsOf(other)[1] = pack.SegmentsOf(one)[1]!.DeepClone());

    [Fact]
    public async Task Nor_does_it_with_its_ends_tied_to_the_others_chain()
    {
        await Finds($"session {other.Id}, segment 2: an entry from 2 to 3 is not what was signed", pack => Tie(pack));
        await Finds($"session {other.Id}, segment 2: the signature is not the agent's", pack =>
        {
            var segment = Tie(pack);
            var head = Convert.FromHexString(segment["previousHead"]!.GetValue<string>());
            foreach (var line in Segment.Lines(segment["entries"]!.GetValue<string>()))
            {
                HashChain.Advance(head, Encoding.UTF8.GetBytes(line));
            }
            segment["head"] = Convert.ToHexStringLower(head);
        });
    }

    private JsonNode Tie(MadePack pack)
    {
        var segment = pack.SegmentsOf(one)[1]!.DeepClone();
        segment["previousHead"] = pack.SegmentsOf(other)[1]!["previousHead"]!.DeepClone();
        pack.SegmentsOf(other)[1] = segment;
        return segment;
    }

    [Fact]
    public async Task A_whole_transcript_does_not_pass_for_anothers() => await Finds($"session {other.Id}, segment 1: it does not continue the chain", pack =>
    {
        pack.SegmentsOf(other).Clear();
        foreach (var segment in pack.SegmentsOf(one))
        {
            pack.SegmentsOf(other).Add(segment!.DeepClone());
        }
    });

    [Fact]
    public async Task A_part_that_is_there_twice_is_found_in_the_middle_and_behind_the_end()
    {
        await Finds($"session {one.Id}, segment 2: segment 3 is missing or is not in its place", pack => pack.SegmentsOf(one).Insert(2, pack.SegmentsOf(one)[1]!.DeepClone()));
        await Finds($"session {one.Id}, segment 4: it comes behind the session's end", pack => pack.SegmentsOf(one).Add(pack.SegmentsOf(one)[3]!.DeepClone()));
    }

    [Fact]
    public async Task A_session_or_an_event_that_is_there_twice_is_found()
    {
        await Finds("sessions: they are not in their order, or one is there twice", pack => pack.Sessions.Add(pack.Sessions[1]!.DeepClone()));
        await Finds(@"event \d+ \(.*\): it is not in its place, or is there twice", pack => pack.Events.Insert(1, pack.Events[0]!.DeepClone()));
    }

    [Fact]
    public async Task The_end_of_a_session_is_missed_in_the_log_as_in_its_transcript()
    {
        await Finds($"session {one.Id}: the event that ended it is missing", pack => pack.Events.Remove(pack.Event("session_closed")));
        await Finds($"session {one.Id}: checkpoint 4 holds 4 segments with 6 entries, this ends with segment 3 and entry 5", pack => pack.SegmentsOf(one).RemoveAt(3));
    }

    [Fact]
    public async Task Whatever_else_happened_to_a_session_is_missed() =>
        await Finds($"session {one.Id}: one of its events is missing", pack => pack.Events.Remove(pack.Event("session_termination_ordered")));

    [Fact]
    public async Task A_checkpoint_of_an_earlier_time_or_of_less_than_the_one_before_is_found()
    {
        static Checkpoint Earlier(Checkpoint c) => c with { At = c.At.AddHours(-1) };
        static Checkpoint Less(Checkpoint c) => c with { Tip = 1 };
        await Finds("checkpoint 3: it goes back in time", pack => pack.ChangeLast(Earlier));
        await Finds("checkpoint 4: it goes back in time", pack => pack.ChangeLast(Less));
        (await OfflineVerifier.Verify(null, made.Files(Earlier))).IsWrong(@"checkpoint 4 \(0000000004.json\): it goes back in time");
        (await OfflineVerifier.Verify(null, made.Files(Less))).IsWrong(@"checkpoint 4 \(0000000004.json\): it goes back in time");
    }

    [Fact]
    public async Task A_directory_without_checkpoints_is_found_and_one_that_is_not_there_leaves_it_open()
    {
        var pack = made.Pack().Sealed();
        var none = new Dictionary<string, string> { ["README"] = "here they were" };
        (await OfflineVerifier.Verify(pack, none)).IsWrong("checkpoints: there is none in the directory");
        (await OfflineVerifier.Verify(null, none)).IsWrong("checkpoints: there is none in the directory");
        var said = await OfflineVerifier.Verify(pack, null, "--checkpoints", "/nowhere/checkpoints");
        Assert.Equal((2, "there is no directory /nowhere/checkpoints"), (said.Status, said.Text.TrimEnd()));
    }

    [Fact]
    public async Task A_directory_that_ends_before_the_pack_does_is_compared_up_to_there_and_that_is_said()
    {
        var pack = made.Pack();
        var copied = made.Files().Where(f => string.CompareOrdinal(f.Key, "0000000003") < 0).ToDictionary();
        var said = await OfflineVerifier.Verify(pack.Sealed(), copied);
        said.IsRight();
        Assert.Contains("note: the directory ends with checkpoint 2, 1 before the pack's last", said.Text, StringComparison.Ordinal);

        // of what it does hold nothing may be left out
        pack.Sessions.RemoveAt(0);
        (await OfflineVerifier.Verify(pack.Sealed(), copied)).IsWrong($"session {one.Id}: checkpoint 2 holds it \\(number 1 of the agent {MadeEvidence.Agent}\\), and it is not here");
    }
}
