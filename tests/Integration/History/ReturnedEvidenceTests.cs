using System.Net;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.History;

/// <summary>What was done behind the backup, before any checkpoint spoke of it: the agents have it still.</summary>
public sealed class ReturnedEvidenceTests() : RestoredLog("01:00:00")
{
    /// <param name="noticed">Agents know that a log was set back by what they were told. Of transcripts they are told nothing.</param>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_no_checkpoint_covered_is_in_the_restored_log_again_of_sessions_that_ended_and_of_those_that_go_on(bool noticed)
    {
        var grant = await Grant("engineer");
        var session = await Connect(await Ticket("engineer", grant));
        Assert.Equal(1, await Run(session, "select 1 as before_the_backup"));
        await IsRecorded("before_the_backup");
        var ticket = await Ticket("engineer", grant); // what the log forgets itself gives nobody a reason to have been let in
        await MakeBackup();
        if (noticed)
        {
            await Grant("engineer2");
        }

        Assert.Equal(2, await Run(session, "select 2 as behind_the_backup"));
        await using (var other = await Connect(ticket))
        {
            Assert.Equal(3, await Run(other, "select 3 as that_ended"));
        }
        await IsRecorded("behind_the_backup");
        await IsRecorded("that_ended");
        await Until(async () => (await Sessions("Closed")).Count == 1, () => "the session that ended is not reported");
        Assert.NotEqual(0, Agent.Copies);
        var before = await Sessions("Closed");

        await RestoreIt();
        await Until(async () => Notices || (!noticed && await Recorded("that_ended")), () => $"the agent says `{Agent.WhyNotReady}`");
        if (Notices) // of transcripts alone too, where it happened to catch up behind the backup
        {
            var rollback = await Rollback();
            var (status, noted) = await Post("admin", "admins", $"/v1/log/rollbacks/{rollback.GetProperty("id")}/acknowledge", new { reason = "the disk was lost" });
            Assert.True(status == HttpStatusCode.OK, noted.ToString());
            await Until(() => Task.FromResult(Agent.WhyNotReady is null), () => $"the agent says `{Agent.WhyNotReady}`");
        }

        await IsRecorded("behind_the_backup");
        await IsRecorded("that_ended");
        Assert.Equal(4, await Run(session, "select 4 as and_on"));
        await IsRecorded("and_on");
        Assert.Equal(before, await Sessions("Closed"));
        var log = Plane.Services.GetRequiredService<EventLog>();
        foreach (var one in (await Plane.Get("/v1/sessions?limit=200")).GetProperty("items").EnumerateArray())
        {
            Assert.Empty(one.GetProperty("gaps").EnumerateArray());
            Assert.DoesNotContain(await log.ReadStream(one.GetProperty("id").GetGuid(), Cancel), s => s.Event is EvidenceGapFound);
        }
        FaultReport.Saw($"{(noticed ? "noticed by the agent" : "not noticed, for the agent was told nothing since")}: an operation of a session that went on and a session that had ended, recorded behind the backup and before any checkpoint: both in the restored log again, sent by the agent; 0 gaps");
    }

    private bool Notices => Agent.WhyNotReady?.Contains("the log was set back", StringComparison.Ordinal) == true;

    private async Task<bool> Recorded(string operation) => (await Plane.Get("/v1/audit/operations?text=" + operation)).GetProperty("items").GetArrayLength() == 1;

    private Task IsRecorded(string operation) => Until(() => Recorded(operation), () => $"`{operation}` is not recorded; the agent says `{Agent.WhyNotReady}`");

    /// <summary>Their ids and the heads of their chains.</summary>
    private async Task<List<(Guid Id, string? Head)>> Sessions(string state) =>
        [.. (await Plane.Get($"/v1/sessions?state={state}")).GetProperty("items").EnumerateArray().Select(s => (s.GetProperty("id").GetGuid(), s.GetProperty("head").GetString()))];
}
