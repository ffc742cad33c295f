using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using AccessPlane.Contracts;
using Xunit;

namespace AccessPlane.Tests.Integration.Checkpoints;

/// <summary>The evidence of an operation that waited: what was asked, who decided, and what then ran.</summary>
public sealed class HeldEvidenceTests(HeldWorld held, ITestOutputHelper output) : IClassFixture<HeldWorld>
{
    private string OfSession => $"session={held.Session}";

    private async Task Finds(string what, Action<ForgedPack> change)
    {
        var pack = new ForgedPack(await held.World.Export(OfSession));
        change(pack);
        var ran = await EvidenceWorld.Verify(pack.Sealed(held.World.Sign));
        output.WriteLine(ran.Error.TrimEnd());
        Assert.True(ran.Status == 1, $"{ran.Status}: {ran.Out}{ran.Error}");
        Assert.Matches(what, ran.Error);
    }

    /// <summary>Changes what an event says, and leaves its proof as it is.</summary>
    private static void Change(JsonObject e, Action<JsonNode> change)
    {
        var data = JsonNode.Parse(e["data"]!.GetValue<string>())!;
        change(data);
        e["data"] = data.ToJsonString(Json.Options);
    }

    [Fact]
    public async Task The_evidence_of_a_session_holds_what_had_to_wait_who_looked_at_it_and_who_let_it_go()
    {
        var pack = await held.World.Export(OfSession);
        var ran = await EvidenceWorld.Verify(pack, "--checkpoints", await held.World.CopyOfFiles());
        output.WriteLine(ran.Out);
        Assert.True(ran.Status == 0, $"{ran.Status}: {ran.Out}{ran.Error}");
        Assert.Contains("1 requests, 2 reviews, 1 grants, 1 sessions with 1 operations in 6 entries", ran.Out, StringComparison.Ordinal);
        var types = new ForgedPack(pack).Events.Where(e => e!["stream"]!.GetValue<Guid>() == held.Hold).Select(e => e!["type"]!.GetValue<string>());
        Assert.Equal(["operation_held", "hold_review_given", "hold_released"], types);
    }

    [Fact]
    public async Task The_page_says_it_to_people()
    {
        var html = await EvidenceWorld.Export(held.World.Host, OfSession, "text/html");
        var text = WebUtility.HtmlDecode(Regex.Replace(html, "<[^>]*>", " "));
        Assert.Contains($"operation 1 of the session {held.Session} had to wait (bulk): {HeldWorld.Statement}", text, StringComparison.Ordinal);
        Assert.Contains("dba approved: “the ticket names it”", text, StringComparison.Ordinal);
        Assert.Contains("released by dba", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_one_who_decided_is_found_in_the_review_and_in_the_release()
    {
        await Finds(@"event \d+ \(hold_review_given of .*\): it is not what checkpoint \d+ holds", pack =>
            Change(pack.Event("hold_review_given"), data => (data["reviewer"]!["subject"], data["reviewer"]!["name"]) = ("dba2", "dba2")));
        await Finds(@"event \d+ \(hold_released of .*\): it is not what checkpoint \d+ holds", pack =>
            Change(pack.Event("hold_released"), data => data["by"] = "dba2"));
    }

    [Fact]
    public async Task Another_statement_that_was_released_is_found() => await Finds(@"event \d+ \(operation_held of .*\): it is not what checkpoint \d+ holds", pack =>
        Change(pack.Event("operation_held"), data => data["operation"]!["text"] = "delete from shop.orders"));

    [Fact]
    public async Task A_review_that_is_left_out_is_missed() =>
        await Finds($"stream {held.Hold}: its event number 2 is missing", pack => pack.Events.Remove(pack.Event("hold_review_given")));

    [Fact]
    public async Task Another_statement_that_ran_is_found() => await Finds($"session {held.Session}, segment 2: an entry from 2 to 3 is not what was signed", pack =>
    {
        var ran = pack.SegmentsOf(held.Session)[1]!;
        ran["entries"] = ran["entries"]!.GetValue<string>().Replace("id = 4711", "id = 4712", StringComparison.Ordinal);
    });

    [Fact]
    public async Task Another_one_of_whom_the_agent_was_told_is_found() => await Finds($"session {held.Session}, segment 3: an entry from 4 to 5 is not what was signed", pack =>
    {
        var ended = pack.SegmentsOf(held.Session)[2]!;
        Assert.Contains("\"by\":\"dba\"", ended["entries"]!.GetValue<string>(), StringComparison.Ordinal);
        ended["entries"] = ended["entries"]!.GetValue<string>().Replace("\"by\":\"dba\"", "\"by\":\"dba2\"", StringComparison.Ordinal);
    });
}
