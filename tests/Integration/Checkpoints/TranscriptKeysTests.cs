using System.Security.Cryptography;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Transcripts;
using Xunit;

namespace AccessPlane.Tests.Integration.Checkpoints;

/// <summary>One key of an agent follows another within a transcript: what the console and the command line say of it, and what the offline verifier does.</summary>
public sealed class TranscriptKeysTests : IDisposable
{
    private readonly MadeEvidence made = new();
    private readonly ECDsa next;

    public TranscriptKeysTests() => next = made.RotateAgent();

    public void Dispose() => made.Dispose();

    private static TranscriptCheck Check(MadeSession session, params ECDsa[] keys) =>
        TranscriptCheck.Of(session.Id, session.Lines, session.Segments, keys.Select(AgentKeyAnnouncement.PublicOf));

    private Task<OfflineVerifier.Said> Offline(MadeSession session, params AgentKeyAnnouncement[] keys) =>
        OfflineVerifier.Transcript(session, AgentKeyAnnouncement.PublicOf(made.AgentKey), keys);

    private AgentKeyAnnouncement Handover => AgentKeyAnnouncement.Of(MadeEvidence.Agent, 2, made.AgentKey, next);

    [Fact]
    public async Task What_the_first_key_signed_and_then_the_next_one_is_whole()
    {
        var session = new MadeSession(made, 1).Says("select 1").Says("select 2", next).Ends(next);
        Assert.Equal((null, true, 4), Check(session, made.AgentKey, next) is var c ? (c.Wrong, c.Ended, c.Segments) : default);
        (await Offline(session, Handover)).IsRight();
    }

    [Fact]
    public async Task Once_the_next_key_has_signed_the_one_before_it_signs_nothing_of_this_session_any_more()
    {
        var session = new MadeSession(made, 1).Says("select 1", next).Says("select 2", made.AgentKey).Ends(next);
        Assert.Equal("segment 3 is signed with a key that another one had followed", Check(session, made.AgentKey, next).Wrong);
        (await Offline(session, Handover)).IsWrong("segment 3: it is signed with a key that another one had followed");
    }

    [Fact]
    public async Task A_key_that_nobody_announced_is_not_the_agents()
    {
        var session = new MadeSession(made, 1).Says("select 1").Ends(next);
        Assert.Equal("segment 3 is not signed by its agent", Check(session, made.AgentKey).Wrong);
        (await Offline(session)).IsWrong("segment 3: the signature is not the agent's");
        (await Offline(session, Handover with { Acceptance = Handover.Signature })).IsWrong("segment 3: the signature is not the agent's");
    }
}
