using System.Net;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.Tests.Integration.Checkpoints;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.History;

/// <summary>What was done behind the backup, and was witnessed by checkpoints.</summary>
public sealed class RestoredLogTests() : RestoredLog("00:00:01")
{
    [Fact]
    public async Task Nothing_of_it_counts_before_an_admin_knows_and_no_end_that_an_agent_knew_is_undone()
    {
        var (kept, ended) = (await Grant("engineer"), await Grant("engineer2"));
        var session = await Connect(await Ticket("engineer", kept));
        Assert.Equal(1, await Run(session, "select 1 as before_the_backup"));
        await EverythingIsKept("before_the_backup");
        await MakeBackup();

        Assert.Equal(HttpStatusCode.OK, (await Post("admin", "admins", $"/v1/grants/{ended}/revoke", new { reason = "enough" })).Status);
        var (_, placed) = await Post("admin", "admins", "/v1/locks", new { on = new { actor = $"{Plane.Issuer.Address}|contractor" }, reason = "an incident" });
        var issued = await Grant("engineer3");
        var lost = await Connect(await Ticket("engineer3", issued));
        Assert.Equal(2, await Run(lost, "select 2"));
        Assert.Equal(3, await Run(session, "select 3 as behind_the_backup"));
        await EverythingIsKept("behind_the_backup");
        await Until(() => Task.FromResult(Agent.Copies == 0), () => "the agent still has copies");
        var unused = await Ticket("engineer", kept);
        var files = Directory.GetFiles(Plane.Checkpoints).ToDictionary(f => f, File.ReadAllText);

        await RestoreIt();

        // it is seen at once, and everywhere
        var rollback = await Rollback();
        Assert.Equal("Open", rollback.GetProperty("state").GetString());
        Assert.Equal("checkpoints", rollback.GetProperty("source").GetString());
        var health = await Health("degraded");
        Assert.Contains("the log was set back", health.GetProperty("checks").GetProperty("history").GetString(), StringComparison.Ordinal);
        await Until(() => Task.FromResult(Agent.WhyNotReady?.Contains("the log was set back", StringComparison.Ordinal) == true), () => $"the agent says `{Agent.WhyNotReady}`");

        // the restored log says that the grant is active; the agent knows better, and lets nobody in anyway
        Assert.Equal("Active", (await Plane.Get($"/v1/grants/{ended}")).GetProperty("state").GetString());
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await Post("engineer2", "engineering", $"/v1/grants/{ended}/tickets", new { })).Status);
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => Connect(unused));
        Assert.Equal(4, await Run(session, "select 4"));

        // what an admin is told
        await Until(async () => (rollback = await Rollback()).GetProperty("agents").GetArrayLength() > 0, () => $"the agent did not say what it knows: {rollback}");
        Assert.Equal([ended], Ids(rollback.GetProperty("endsKnown")));
        Assert.Empty(Ids(rollback.GetProperty("endsUnknown")));
        Assert.Equal([placed.GetProperty("id").GetGuid()], rollback.GetProperty("locks").EnumerateArray().Select(l => l.GetProperty("lock").GetGuid()));
        Assert.Equal([issued], Ids(rollback.GetProperty("agents")[0].GetProperty("issued")));
        Assert.True(rollback.GetProperty("seenPosition").GetInt64() > rollback.GetProperty("logEnd").GetInt64(), rollback.ToString());
        Assert.Equal(2, rollback.GetProperty("lost").GetArrayLength());

        // nobody else acknowledges it
        var path = $"/v1/log/rollbacks/{rollback.GetProperty("id")}/acknowledge";
        Assert.Equal(HttpStatusCode.Forbidden, (await Post("auditor", "auditors", path, new { reason = "why not" })).Status);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await Post("admin", "admins", path, new { reason = "" })).Status);
        var (status, noted) = await Post("admin", "admins", path, new { reason = "the disk was lost" });
        Assert.True(status == HttpStatusCode.OK, noted.ToString());
        Assert.Equal(("Acknowledged", 2L), (noted.GetProperty("state").GetString(), noted.GetProperty("newEpoch").GetInt64()));
        Assert.Equal(HttpStatusCode.Conflict, (await Post("admin", "admins", path, new { reason = "again" })).Status);

        // what the agent knew is not undone, what the log forgot is over, and what both know goes on
        Assert.Equal("Revoked", (await Plane.Get($"/v1/grants/{ended}")).GetProperty("state").GetString());
        Assert.Contains("an incident", (await Plane.Get("/v1/locks")).ToString(), StringComparison.Ordinal);
        await Until(() => Task.FromResult(Agent.WhyNotReady is null), () => $"the agent says `{Agent.WhyNotReady}`");
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => Run(lost, "select 5"));
        Assert.Equal(6, await Run(session, "select 6"));
        Assert.Equal(7, await Run(await Connect(await Ticket("engineer", kept)), "select 7"));
        await Health("ready");

        // what went with the log is a finding, of either session, and what came later is there
        var found = (await Plane.Get("/v1/sessions?limit=200")).GetProperty("items").EnumerateArray().Single(s => s.GetProperty("application").GetString() == "engineer" && s.GetProperty("gaps").GetArrayLength() > 0);
        Assert.Contains("evidence-lost", found.ToString(), StringComparison.Ordinal);
        var log = Plane.Services.GetRequiredService<EventLog>();
        await Until(
            async () => (await log.ReadStream(found.GetProperty("id").GetGuid(), Cancel)).Any(s => s.Event is EvidenceGapFound { Kind: "segments-missing" }),
            () => "nothing says that segments are missing");
        foreach (var one in rollback.GetProperty("lost").EnumerateArray())
        {
            Assert.Contains(await log.ReadStream(one.GetProperty("session").GetGuid(), Cancel), s => s.Event is EvidenceGapFound { Kind: "evidence-lost" });
        }

        // the other history's checkpoints stay, and the new ones are whole
        await Until(() => Task.FromResult(Directory.Exists($"{Plane.Checkpoints}/epoch-2")), () => "the new epoch's checkpoints are missing");
        Assert.All(files, file => Assert.Equal(file.Value, File.ReadAllText(file.Key)));
        foreach (var directory in new[] { Plane.Checkpoints, $"{Plane.Checkpoints}/epoch-2" })
        {
            var ran = await EvidenceWorld.VerifyFiles(directory);
            Assert.True(ran.Status == 0, $"{Path.GetFileName(directory)}: {ran.Error}");
        }
        FaultReport.Saw(
            $"the backup ended at {rollback.GetProperty("logEnd")}, the agent knew up to {rollback.GetProperty("seenPosition")}; 1 ticket and 1 login refused meanwhile; 1 revocation and 1 lock done again, " +
            $"1 grant that the log forgot ended with its session, 1 session went on; evidence of {rollback.GetProperty("lost").GetArrayLength()} sessions went with the log, and is a finding of each");
    }
}
