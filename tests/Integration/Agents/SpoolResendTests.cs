using System.Text.Json;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>The broker has taken a part of a transcript, and nobody says that the log has it.</summary>
public sealed class SpoolResendTests : IDisposable
{
    private readonly BareAgent agent = new();
    private readonly SpoolKeyDesk keys;
    private readonly WhenSpoolDrains drain;

    public SpoolResendTests()
    {
        keys = new SpoolKeyDesk(agent.Spool, agent.Identity, agent.Reports, agent.World.InForce, NullLogger<SpoolKeyDesk>.Instance);
        drain = new WhenSpoolDrains(agent.Spool, keys, agent.Identity, agent.Reports, agent.World.Time, NullLogger<WhenSpoolDrains>.Instance);
    }

    public void Dispose()
    {
        drain.Dispose();
        keys.Dispose();
        agent.Dispose();
    }

    private List<Segment> Sent => [.. agent.Said.Select(r => JsonSerializer.Deserialize<Segment>(r.Body, Json.Options)!)];

    [Fact]
    public async Task What_is_not_acknowledged_is_sent_again_and_leaves_the_disk_with_its_receipt()
    {
        var session = Guid.CreateVersion7();
        using var recorder = agent.Spool.Begin(session, number => SpoolTests.Start(session, number), Evidence.Buffered, why => Assert.Fail(why));
        recorder.End("closed", null, null);
        var cancel = TestContext.Current.CancellationToken;
        await drain.Drain(cancel);
        await drain.Drain(cancel);
        var first = Assert.Single(Sent);
        for (var again = 2; again <= 4; again++)
        {
            agent.World.Time.Advance(TimeSpan.FromSeconds(10));
            await drain.Drain(cancel);
            Assert.Equal(again, Sent.Count);
        }
        Assert.All(Sent, segment => Assert.Equal(first, segment));
        Assert.NotEmpty(Directory.EnumerateFiles(agent.Spool.Folder, "*.transcript"));
        drain.Accepted(new SegmentReceipt(session, first.Number));
        agent.World.Time.Advance(TimeSpan.FromSeconds(10));
        await drain.Drain(cancel);
        Assert.Equal(4, Sent.Count);
        Assert.Empty(Directory.EnumerateFiles(agent.Spool.Folder, "*.transcript"));
    }
}
