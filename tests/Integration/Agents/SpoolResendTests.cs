using System.Security.Cryptography;
using System.Text.Json;
using AccessPlane.Agent.Directives;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.Tests.Unit.Agent;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>The broker has taken a part of a transcript, and nobody says that the log has it.</summary>
public sealed class SpoolResendTests : IDisposable
{
    private readonly StateFolder state = new();
    private readonly AgentWorld world = new();
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDiffieHellman encryption = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
    private readonly List<Segment> sent = [];
    private readonly AgentIdentity identity;
    private readonly Spool spool;
    private readonly Reports reports;
    private readonly SpoolKeyDesk keys;
    private readonly WhenSpoolDrains drain;

    public SpoolResendTests()
    {
        identity = new AgentIdentity(
            new Enrolment("a", "", "", "", Convert.ToBase64String(key.ExportSubjectPublicKeyInfo()), Convert.ToBase64String(encryption.ExportSubjectPublicKeyInfo()), 1), key);
        spool = new Spool(state.Path, SpoolLimits.Standard, ControlPlaneKey.Wrap, world.Time);
        reports = new Reports(
            identity,
            (report, _) =>
            {
                lock (sent)
                {
                    sent.Add(JsonSerializer.Deserialize<Segment>(report.Body, Json.Options)!);
                }
                return Task.CompletedTask;
            },
            world.Time, NullLogger<Reports>.Instance);
        keys = new SpoolKeyDesk(spool, identity, reports, world.InForce, NullLogger<SpoolKeyDesk>.Instance);
        drain = new WhenSpoolDrains(spool, keys, identity, reports, world.Time, NullLogger<WhenSpoolDrains>.Instance);
    }

    public void Dispose()
    {
        drain.Dispose();
        keys.Dispose();
        reports.Dispose();
        spool.Dispose();
        identity.Dispose();
        encryption.Dispose();
        state.Dispose();
    }

    [Fact]
    public async Task What_is_not_acknowledged_is_sent_again_and_leaves_the_disk_with_its_receipt()
    {
        var session = Guid.CreateVersion7();
        using var recorder = spool.Begin(session, number => SpoolTests.Start(session, number), Evidence.Buffered, why => Assert.Fail(why));
        recorder.End("closed", null, null);
        var cancel = TestContext.Current.CancellationToken;
        await drain.Drain(cancel);
        await drain.Drain(cancel);
        var first = Assert.Single(sent);
        for (var again = 2; again <= 4; again++)
        {
            world.Time.Advance(TimeSpan.FromSeconds(10));
            await drain.Drain(cancel);
            Assert.Equal(again, sent.Count);
        }
        Assert.All(sent, segment => Assert.Equal(first, segment));
        Assert.NotEmpty(Directory.EnumerateFiles(spool.Folder, "*.transcript"));
        drain.Accepted(new SegmentReceipt(session, first.Number));
        world.Time.Advance(TimeSpan.FromSeconds(10));
        await drain.Drain(cancel);
        Assert.Equal(4, sent.Count);
        Assert.Empty(Directory.EnumerateFiles(spool.Folder, "*.transcript"));
    }
}
