using System.Text.Json;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>An agent's sessions are a chain: each names the one before it, in the first entry that the agent signs.</summary>
public sealed class SessionChainTests : IDisposable
{
    private readonly StateFolder state = new();

    public void Dispose() => state.Dispose();

    private Spool Open() => new(state.Path, SpoolLimits.Standard, ControlPlaneKey.Wrap, TimeProvider.System);

    private static SessionStart Begin(Spool spool)
    {
        var session = Guid.CreateVersion7();
        spool.Begin(session, number => SpoolTests.Start(session, number), Evidence.Buffered, why => Assert.Fail(why));
        var entry = JsonSerializer.Deserialize<TranscriptEntry>(Segment.Lines(spool.Files.Single(f => f.Session == session).Entries()).First(), Json.Strict)!;
        return entry.Start!;
    }

    private static void Follows(SessionStart next, SessionStart? before) =>
        Assert.Equal(((before?.Number ?? 0) + 1, before?.Session), (next.Number, next.Previous));

    [Fact]
    public void Each_names_the_one_before_it_over_a_restart_too()
    {
        SessionStart second;
        using (var spool = Open())
        {
            var first = Begin(spool);
            Follows(first, null);
            second = Begin(spool);
            Follows(second, first);
        }
        using (var spool = Open())
        {
            Follows(Begin(spool), second);
        }
    }

    [Fact]
    public void Where_the_count_was_lost_what_lies_on_the_disk_tells_it()
    {
        SessionStart last;
        using (var spool = Open())
        {
            Begin(spool);
            last = Begin(spool);
        }
        File.Delete(state.File("sessions.count"));
        using (var spool = Open())
        {
            Assert.Empty(ControlPlaneKey.Recover(spool));
            Follows(Begin(spool), last);
        }
    }

    [Fact]
    public void A_count_of_a_version_that_wrote_no_session_goes_on_with_its_number()
    {
        File.WriteAllText(state.File("sessions.count"), "00000000000000000041");
        using var spool = Open();
        var next = Begin(spool);
        Assert.Equal((42, null), (next.Number, next.Previous));
        Follows(Begin(spool), next);
    }
}
