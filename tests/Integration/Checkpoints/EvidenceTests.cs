using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Evidence;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.Tests.Integration.Wire;
using Xunit;

namespace AccessPlane.Tests.Integration.Checkpoints;

/// <summary>A true pack is found right; whatever is done to one is found, and named, by a verifier that has none of this code.</summary>
public sealed class EvidenceTests(EvidenceWorld world, ITestOutputHelper output) : IClassFixture<EvidenceWorld>
{
    private static readonly string Scripts = $"{Servers.Need("ACCESSPLANE_TEST_ROOT")}/tests/Integration/Checkpoints";
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Period => $"from={world.Began:yyyy-MM-ddTHH:mm:ss.ffffffZ}";

    private Task<string> OfRequest() => world.Export($"request={world.Request}");

    private static void IsRight(Programs.Output ran) => Assert.True(ran.Status == 0, $"{ran.Status}: {ran.Out}{ran.Error}");

    private void IsWrong(Programs.Output ran, string what)
    {
        output.WriteLine(ran.Error.TrimEnd());
        Assert.True(ran.Status == 1, $"{ran.Status}: {ran.Out}{ran.Error}");
        Assert.Matches(what, ran.Error);
    }

    /// <summary>Somebody with the control plane's key changes a pack and seals it again.</summary>
    private async Task Finds(string what, string query, Action<ForgedPack> change, params string[] further)
    {
        var pack = new ForgedPack(await world.Export(query));
        change(pack);
        IsWrong(await EvidenceWorld.Verify(pack.Sealed(world.Sign), further), what);
    }

    [Fact]
    public async Task The_evidence_of_a_request_holds_all_that_came_of_it()
    {
        var pack = await OfRequest();
        var ran = await EvidenceWorld.Verify(pack, "--checkpoints", await world.CopyOfFiles());
        output.WriteLine(ran.Out);
        IsRight(ran);
        Assert.Contains("1 requests, 1 reviews, 1 grants, 2 sessions with 4 operations in 12 entries", ran.Out, StringComparison.Ordinal);
        var types = JsonNode.Parse(pack)!["events"]!.AsArray().Select(e => e!["type"]!.GetValue<string>()).ToList();
        string[] due =
            ["request_submitted", "review_given", "request_approved", "grant_issued", "grant_activated", "session_opened", "session_closed", "agent_enrolled", "evidence_exported"];
        Assert.Empty(due.Except(types));
    }

    [Fact]
    public async Task The_evidence_of_a_session_leads_back_to_who_approved_it()
    {
        var pack = await world.Export($"session={world.Second}");
        IsRight(await EvidenceWorld.Verify(pack));
        Assert.Equal(world.Second, Assert.Single(new ForgedPack(pack).Sessions)!["head"]!["session"]!.GetValue<Guid>());
        Assert.Equal("review_given", new ForgedPack(pack).Event("review_given")["type"]!.GetValue<string>());
    }

    [Fact]
    public async Task The_evidence_of_a_period_counts_its_sessions()
    {
        var ran = await EvidenceWorld.Verify(await world.Export(Period), "--checkpoints", await world.CopyOfFiles());
        IsRight(ran);
        Assert.Contains("3 sessions", ran.Out, StringComparison.Ordinal);
        IsRight(await EvidenceWorld.Verify(await world.Export($"{Period}&resource=orders")));
        Assert.Contains("0 sessions", (await EvidenceWorld.Verify(await world.Export($"{Period}&resource=payroll"))).Out, StringComparison.Ordinal);
        Assert.Contains("0 sessions", (await EvidenceWorld.Verify(await world.Export("from=2026-01-01&to=2026-01-02"))).Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    public async Task Every_byte_of_a_pack_counts(int part) => await EveryByte("pack", world.SmallPack, $"{part}/8");

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Every_byte_of_the_checkpoints_files_counts(int part) => await EveryByte("files", world.FirstFiles, $"{part}/2");

    private async Task EveryByte(string what, string path, string part)
    {
        var ran = await Programs.Run(
            "node", new Dictionary<string, string>(), $"{Scripts}/flip-every-byte.mjs", $"{Scripts}/../../../infra/lib/evidence/verify.mjs", what, path, part);
        output.WriteLine(ran.Out + ran.Error);
        Assert.True(ran.Status == 0, ran.Out + ran.Error);
    }

    [Fact]
    public async Task An_event_that_is_left_out_is_missed() =>
        await Finds($"stream {world.Request}: its event number 2 is missing", $"request={world.Request}", pack => pack.Events.Remove(pack.Event("review_given")));

    [Fact]
    public async Task Another_reviewer_is_not_believed() => await Finds(@"event \d+ \(review_given of .*\): it is not what checkpoint 2 holds", $"request={world.Request}", pack =>
        pack.Event("review_given")["data"] = pack.Event("review_given")["data"]!.GetValue<string>().Replace("the ticket is known", "the ticket is gone", StringComparison.Ordinal));

    [Fact]
    public async Task Events_do_not_change_places() =>
        await Finds(@"event \d+ \(.*\): it is not in its place", $"request={world.Request}", pack => ForgedPack.Swap(pack.Events, 1, 2));

    [Fact]
    public async Task Events_do_not_pass_under_anothers_proof() => await Finds("it is not what checkpoint", $"request={world.Request}", pack =>
        pack.Event("request_approved")["proof"] = pack.Event("review_given")["proof"]!.DeepClone());

    [Fact]
    public async Task A_segment_that_is_left_out_is_missed() =>
        await Finds($"session {world.First}, segment 3: segment 2 is missing", $"request={world.Request}", pack => pack.SegmentsOf(world.First).RemoveAt(1));

    [Fact]
    public async Task Segments_do_not_change_places() =>
        await Finds($"session {world.First}, segment 3: segment 2 is missing or is not in its place", $"request={world.Request}", pack => ForgedPack.Swap(pack.SegmentsOf(world.First), 1, 2));

    [Fact]
    public async Task A_session_whose_end_is_cut_off_is_found() => await Finds($"session {world.First}: checkpoint \\d+ holds 5 segments with 8 entries, this ends with segment 4", $"request={world.Request}", pack =>
        pack.SegmentsOf(world.First).RemoveAt(4));

    [Fact]
    public async Task A_session_whose_end_is_cut_off_in_its_head_too_is_found() => await Finds($"session {world.First}: its head is not what checkpoint", $"request={world.Request}", pack =>
    {
        var segments = pack.SegmentsOf(world.First);
        segments.RemoveAt(4);
        var head = pack.Session(world.First)["head"]!;
        (head["segments"], head["entries"], head["final"], head["head"]) = (4, 7, false, segments[3]!["head"]!.DeepClone());
    });

    [Fact]
    public async Task A_statement_that_was_changed_is_found() => await Finds($"session {world.First}, segment 2: an entry from 2 to 3 is not what was signed", $"request={world.Request}", pack =>
        Change(pack.SegmentsOf(world.First)[1]!, entries => entries.Replace("delete", "select", StringComparison.Ordinal)));

    [Fact]
    public async Task Entries_that_changed_places_are_found() => await Finds($"session {world.First}, segment 2, entry 2: its number is 3", $"request={world.Request}", pack =>
        Change(pack.SegmentsOf(world.First)[1]!, entries => $"{entries.Split('\n')[1]}\n{entries.Split('\n')[0]}\n"));

    [Fact]
    public async Task A_segment_signed_by_another_key_is_found() => await Finds($"session {world.First}, segment 1: the signature is not the agent's", $"request={world.Request}", pack =>
    {
        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var s = pack.SegmentsOf(world.First)[0]!;
        s["signature"] = new Segment(
            world.First, world.Agent, 1, 1, 1, s["previousHead"]!.GetValue<string>(), s["head"]!.GetValue<string>(), false, "", "").SignWith(stranger).Signature;
    });

    [Fact]
    public async Task An_agents_key_that_was_exchanged_is_found() => await Finds(@"event \d+ \(agent_enrolled of .*\): it is not what checkpoint 1 holds", $"request={world.Request}", pack =>
    {
        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var enrolled = pack.Event("agent_enrolled");
        var data = JsonNode.Parse(enrolled["data"]!.GetValue<string>())!;
        data["publicKey"] = Convert.ToBase64String(stranger.ExportSubjectPublicKeyInfo());
        enrolled["data"] = data.ToJsonString(Json.Options);
    });

    [Fact]
    public async Task A_session_that_is_taken_out_of_a_period_is_missed_by_the_agents_count() => await Finds(
        $"agent {world.Agent}: 3 of its sessions on orders began in this time, 2 are here: number 2 is missing", Period, pack => Forget(pack, world.Second));

    [Fact]
    public async Task The_last_session_of_an_agent_is_missed_by_its_count() => await Finds(
        $"agent {world.Agent}: 3 of its sessions on orders began in this time, 2 are here, numbers 1 to 2", Period, pack => Forget(pack, world.Others));

    [Fact]
    public async Task A_session_that_is_taken_out_of_a_request_is_missed_by_the_directory_of_checkpoints() => await Finds(
        $"session {world.Second}: checkpoint \\d+ holds it \\(number 2 of the agent {world.Agent}\\), and it is not here", $"request={world.Request}",
        pack => Forget(pack, world.Second), "--checkpoints", await world.CopyOfFiles());

    [Fact]
    public async Task A_pack_of_one_request_does_not_pass_for_anothers()
    {
        var pack = JsonNode.Parse(await OfRequest())!;
        pack["about"]!["request"] = world.Others;
        IsWrong(await EvidenceWorld.Verify(new ForgedPack(pack.ToJsonString(Json.Options)).Sealed(world.Sign)), "export: it was of another request than this says");
    }

    [Fact]
    public async Task A_pack_that_was_changed_and_not_sealed_again_is_found() =>
        IsWrong(await EvidenceWorld.Verify((await OfRequest()).Replace("\"exportedAt\":\"20", "\"exportedAt\":\"19", StringComparison.Ordinal)), "pack: its seal is not the control plane's");

    [Fact]
    public async Task A_checkpoint_that_is_left_out_is_missed() => await Finds(
        @"checkpoint \d+: no later one leads to it|checkpoint \d+, which should prove it, is not there", $"request={world.Request}", pack => pack.Checkpoints.RemoveAt(1));

    [Fact]
    public async Task A_checkpoint_that_was_changed_is_found() => await Finds(@"checkpoint 1: the signature is not the control plane's", $"request={world.Request}", pack =>
        pack.Checkpoints[0]!["checkpoint"]!["tip"] = 1);

    [Fact]
    public async Task A_fork_of_the_checkpoints_is_found_beside_the_directory()
    {
        var files = await world.CopyOfFiles();
        var forged = new ForgedPack(await world.Export(Period)).SignedBy(
            world.Sign, world.Keys.SigningPublicKey, c => c.Number == 2 ? c with { At = c.At.AddMilliseconds(1) } : c);
        IsRight(await EvidenceWorld.Verify(forged)); // who has the key can make it up: that is why checkpoints are kept elsewhere
        IsWrong(await EvidenceWorld.Verify(forged, "--checkpoints", files), "checkpoint 2: the directory holds another one under this number: the chain forks");
    }

    [Fact]
    public async Task A_fork_inside_of_a_pack_is_found() => await Finds(@"checkpoint \d+: it does not follow from checkpoint \d+", Period, pack =>
    {
        var second = pack.Checkpoints.First(c => c!["checkpoint"]!["number"]!.GetValue<long>() == 2)!;
        var other = second["checkpoint"]!.Deserialize<Checkpoint>(Json.Options)!;
        other = other with { At = other.At.AddMilliseconds(1) };
        second["checkpoint"] = JsonSerializer.SerializeToNode(other with { Signature = world.Sign(other.SignedBytes()) }, Json.Options);
    });

    [Fact]
    public async Task What_another_key_signed_from_end_to_end_is_found_by_the_key_or_by_the_directory()
    {
        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var forged = new ForgedPack(await OfRequest()).SignedBy(bytes => Signatures.Sign(stranger, bytes), Convert.ToBase64String(stranger.ExportSubjectPublicKeyInfo()));
        var alone = await EvidenceWorld.Verify(forged);
        IsRight(alone);
        Assert.Contains("you gave no key: compare this one with the control plane's", alone.Out, StringComparison.Ordinal);
        var fingerprint = $"sha256:{Convert.ToHexStringLower(SHA256.HashData(Convert.FromBase64String(world.Keys.SigningPublicKey)))}";
        IsWrong(await EvidenceWorld.Verify(forged, "--key", fingerprint), "pack: its key, sha256:.*, is not the one you gave");
        IsWrong(await EvidenceWorld.Verify(forged, "--checkpoints", await world.CopyOfFiles()), "it is signed with another key, sha256:");
        IsRight(await EvidenceWorld.Verify(await OfRequest(), "--key", fingerprint));
    }

    [Fact]
    public async Task Files_of_the_directory_that_are_missing_exchanged_or_torn_are_found()
    {
        string File(string folder, string name) => Path.Combine(folder, name);
        var missing = await world.CopyOfFiles();
        IsRight(await EvidenceWorld.VerifyFiles(missing));
        System.IO.File.Delete(File(missing, "0000000002.json"));
        IsWrong(await EvidenceWorld.VerifyFiles(missing), "checkpoint 2: its file is missing");

        var exchanged = await world.CopyOfFiles();
        System.IO.File.Move(File(exchanged, "0000000002.json"), File(exchanged, "x"));
        System.IO.File.Move(File(exchanged, "0000000003.json"), File(exchanged, "0000000002.json"));
        System.IO.File.Move(File(exchanged, "x"), File(exchanged, "0000000003.json"));
        IsWrong(await EvidenceWorld.VerifyFiles(exchanged), "checkpoint 2 .*: it is number 3");

        var torn = await world.CopyOfFiles();
        var whole = await System.IO.File.ReadAllBytesAsync(File(torn, "0000000002.json"), Cancel);
        System.IO.File.Move(File(torn, "0000000002.json"), File(torn, "0000000002-2.json"));
        await System.IO.File.WriteAllBytesAsync(File(torn, "0000000002.json"), whole[..100], Cancel);
        IsRight(await EvidenceWorld.VerifyFiles(torn));
        System.IO.File.Delete(File(torn, "0000000002-2.json"));
        IsWrong(await EvidenceWorld.VerifyFiles(torn), "checkpoint 2 .*: it cannot be read: it is cut off or damaged");
    }

    [Fact]
    public async Task Who_asks_for_nonsense_is_told_so()
    {
        Assert.Equal(2, (await Programs.Run($"{Scripts}/../../../infra/verify-evidence", new Dictionary<string, string>())).Status);
        Assert.Equal(2, (await Programs.Run($"{Scripts}/../../../infra/verify-evidence", new Dictionary<string, string>(), "/nowhere/pack.json")).Status);
        IsWrong(await EvidenceWorld.Verify("{}"), "pack: it is no evidence of this kind");
        IsWrong(await EvidenceWorld.Verify((await OfRequest())[..2000]), "pack: it is no JSON document: it is cut off or damaged");
    }

    private static void Change(JsonNode segment, Func<string, string> change) => segment["entries"] = change(segment["entries"]!.GetValue<string>());

    /// <summary>All of a session.</summary>
    private static void Forget(ForgedPack pack, Guid session)
    {
        pack.Sessions.Remove(pack.Session(session));
        foreach (var e in pack.Events.Where(e => e!["stream"]!.GetValue<Guid>() == session).ToList())
        {
            pack.Events.Remove(e);
        }
    }
}
