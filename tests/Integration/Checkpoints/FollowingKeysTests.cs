using AccessPlane.Contracts.Messages;
using Xunit;

namespace AccessPlane.Tests.Integration.Checkpoints;

/// <summary>Which key counts when, of an agent and of the control plane, for somebody who has the evidence alone.</summary>
public sealed class FollowingKeysTests : IDisposable
{
    private readonly MadeEvidence made = new();

    public void Dispose() => made.Dispose();

    [Fact]
    public async Task What_an_agents_next_key_signs_behind_the_hand_over_is_right_and_so_is_what_the_first_had_sealed_before_and_sent_later()
    {
        var session = new MadeSession(made, 1).Says("select 1");
        var next = made.RotateAgent();
        session.Says("select 2", next).Ends(next);
        new MadeSession(made, 2).Says("select 3").Ends();
        var said = await OfflineVerifier.Verify(made.Pack().Sealed());
        said.IsRight();
        Assert.Contains("2 sessions with 3 operations", said.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_key_signs_before_the_log_holds_that_it_follows_is_nobodys()
    {
        var next = made.Key();
        var session = new MadeSession(made, 1).Says("select 1", next);
        made.Announce(AgentKeyAnnouncement.Of(MadeEvidence.Agent, 2, made.AgentKey, next));
        session.Ends(next);
        (await OfflineVerifier.Verify(made.Pack().Sealed())).IsWrong($"session {session.Id}, segment 2: the signature is not the agent's");
    }

    [Fact]
    public async Task A_key_that_the_one_before_it_does_not_vouch_for_follows_none()
    {
        var (stranger, next) = (made.Key(), made.Key());
        made.Announce(AgentKeyAnnouncement.Of(MadeEvidence.Agent, 2, stranger, next) with { Previous = AgentKeyAnnouncement.PublicOf(made.AgentKey) });
        new MadeSession(made, 1, next).Ends(next);
        (await OfflineVerifier.Verify(made.Pack().Sealed())).IsWrong(@"event \d+ \(agent_key_announced of .*\): the agent's key does not follow from the one before it");
    }

    [Fact]
    public async Task Evidence_over_a_rotation_of_the_control_planes_key_hangs_on_whichever_of_the_two_is_known()
    {
        var first = MadeEvidence.Fingerprint(made.Signer);
        new MadeSession(made, 1).Says("select 1").Ends();
        made.Attest();
        made.Rotate();
        made.Attest();
        var pack = made.Pack();
        foreach (var known in (string[])[first, MadeEvidence.Fingerprint(made.Signer)])
        {
            (await OfflineVerifier.Verify(pack.Sealed(), made.Files(), "--key", known)).IsRight();
        }
        (await OfflineVerifier.Verify(pack.Sealed(), made.Files(), "--key", MadeEvidence.Fingerprint(made.Key()))).IsWrong("pack: its key, sha256:[0-9a-f]{64}, is not the one you gave");

        // without the word of both keys they have nothing to do with each other
        pack.Document.Remove("keys");
        (await OfflineVerifier.Verify(pack.Sealed())).IsWrong($"checkpoint 1: it is signed with another key, {first}");
    }

    [Fact]
    public async Task A_key_of_the_control_plane_that_another_one_had_followed_signs_no_checkpoint_any_more()
    {
        var retired = made.Signer;
        made.Rotate();
        made.Attest();
        made.Attest(retired);
        made.Attest();
        (await OfflineVerifier.Verify(made.Pack().Sealed())).IsWrong("checkpoint 3: it is signed with a key that another one had followed");
        (await OfflineVerifier.Verify(null, made.Files())).IsWrong(@"checkpoint 3 \(0000000003.json\): it is signed with a key that another one had followed");
    }

    [Fact]
    public async Task A_pack_is_sealed_with_the_key_that_it_names()
    {
        var retired = made.Signer;
        made.Rotate();
        (await OfflineVerifier.Verify(made.Pack().Sealed(retired))).IsWrong("pack: its seal is not the control plane's");
    }
}
