using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Integration.Checkpoints;

/// <summary>What a key that another one had followed signs in its place: of an agent's, and of the control plane's.</summary>
public sealed class KeysOutOfTurnTests : IDisposable
{
    private readonly MadeEvidence made = new();

    public void Dispose() => made.Dispose();

    [Fact]
    public async Task Once_an_agents_next_key_has_signed_the_one_before_it_signs_nothing_of_that_session_any_more()
    {
        var session = new MadeSession(made, 1);
        var next = made.RotateAgent();
        session.Says("select 1", next).Says("select 2", made.AgentKey).Ends(next);
        (await OfflineVerifier.Verify(made.Pack().Sealed())).IsWrong($"session {session.Id}, segment 3: it is signed with a key that another one had followed");
    }

    [Fact]
    public async Task What_the_next_key_has_attested_the_one_before_it_does_not_seal()
    {
        var retired = made.Signer;
        made.Rotate();
        made.Attest();
        var pack = made.Pack();
        pack.Document["key"] = AgentKeyAnnouncement.PublicOf(retired);
        (await OfflineVerifier.Verify(pack.Sealed(retired))).IsWrong("pack: it is sealed with a key that another one had followed");
    }

    [Fact]
    public async Task One_key_is_not_followed_by_two()
    {
        var (stolen, thief) = (made.Signer, made.Key());
        made.Rotate();
        var pack = made.Pack();
        var said = new KeyAnnouncement(
            KeyAnnouncement.Signing, 2, AgentKeyAnnouncement.PublicOf(thief), AgentKeyAnnouncement.PublicOf(stolen), World.Noon, AgentKeyAnnouncement.PublicOf(stolen), "", null);
        said = said with { Signature = Signatures.Sign(stolen, said.SignedBytes()), Acceptance = Signatures.Sign(thief, said.SignedBytes()) };
        pack.Document["keys"]!.AsArray().Add(JsonSerializer.SerializeToNode(said, Json.Options));
        (await OfflineVerifier.Verify(pack.Sealed())).IsWrong("the key of generation 2: two keys follow the one before it");
    }
}
