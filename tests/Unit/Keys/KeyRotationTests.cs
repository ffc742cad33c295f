using System.Security.Cryptography;
using AccessPlane.Agent.Directives;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Keys;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Unit.Keys;

/// <summary>One key of the control plane follows another: who signs when, and whom an agent believes.</summary>
public sealed class KeyRotationTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly Actor Admin = new("https://idp", "admin", "Ada Admin", ActorKind.Person, ["admins"], new Dictionary<string, string>(), []);
    private static readonly Specification<ControlPlaneKeys> Log = new(ControlPlaneKeys.Initial, ControlPlaneKeys.Evolve);
    private readonly ECDsa[] keys = [.. Enumerable.Range(0, 4).Select(_ => ECDsa.Create(ECCurve.NamedCurves.nistP256))];

    public void Dispose() => Array.ForEach(keys, k => k.Dispose());

    private string Public(int generation) => Convert.ToBase64String(keys[generation - 1].ExportSubjectPublicKeyInfo());

    /// <param name="by">The generation that signs it; the one before where it is left out.</param>
    private KeyAnnouncement Signing(int generation, int? by = null)
    {
        var key = new KeyAnnouncement(KeyAnnouncement.Signing, generation, Public(generation), Public(generation - 1), Now, Public(generation - 1), "", null);
        return key with
        {
            Signature = Signatures.Sign(keys[(by ?? generation - 1) - 1], key.SignedBytes()),
            Acceptance = Signatures.Sign(keys[generation - 1], key.SignedBytes()),
        };
    }

    private KeyAnnouncement Encryption(string publicKey, int by)
    {
        var key = new KeyAnnouncement(KeyAnnouncement.Encryption, 2, publicKey, "first", Now, Public(by), "", null);
        return key with { Signature = Signatures.Sign(keys[by - 1], key.SignedBytes()) };
    }

    private Rotation Order(int generation, bool compromised = false, bool isAdmin = true) =>
        new(Signing(generation), TimeSpan.FromHours(1), compromised, "it is time", Admin, isAdmin);

    private ControlPlaneKeyAnnounced Announced(int generation) => new(Signing(generation), Now.AddHours(1), Admin, "it is time");

    private ControlPlaneKeyRetired Retired(int generation, bool compromised = false) => new(Public(generation), compromised, Admin, "it is time");

    [Fact]
    public void A_new_key_is_announced_and_the_old_one_signs_until_the_overlap_is_over()
    {
        // a signature is another one each time it is made: what happened is compared without
        var happened = Log.Given().When(k => RotateKey.Decide(k, Order(2))).Then(typeof(ControlPlaneKeyAnnounced)).After;
        Assert.Equal(1, happened.SigningGeneration);
        Assert.Equal(Now.AddHours(1), happened.Next!.OverlapUntil);
        var state = Log.Given(Announced(2));
        state.When(k => RetireKey.Decide(k, new KeyRetirement(null, false, false, "over", Now.AddMinutes(59)))).ThenNothing();
        var after = state.When(k => RetireKey.Decide(k, new KeyRetirement(null, false, false, "over", Now.AddHours(1)))).Then(new ControlPlaneKeyRetired(Public(1), false, null, "over")).After;
        Assert.Equal(2, after.SigningGeneration);
        Assert.Null(after.Next);
    }

    [Fact]
    public void A_compromised_key_is_not_believed_from_the_same_moment_on()
    {
        var after = Log.Given().When(k => RotateKey.Decide(k, Order(2, compromised: true))).Then(typeof(ControlPlaneKeyAnnounced), typeof(ControlPlaneKeyRetired)).After;
        Assert.Equal(2, after.SigningGeneration);
        Assert.Equal([Public(1)], after.Ring.Retired);
    }

    [Fact]
    public void Only_admins_rotate_one_after_the_other_and_end_an_overlap_early()
    {
        Log.Given().When(k => RotateKey.Decide(k, Order(2, isAdmin: false))).ThenRefused("admins-only");
        Log.Given(Announced(2)).When(k => RotateKey.Decide(k, Order(3))).ThenRefused("rotation-under-way");
        Log.Given(Announced(2), Retired(1)).When(k => RotateKey.Decide(k, Order(3))).Then(typeof(ControlPlaneKeyAnnounced));
        Log.Given().When(k => RotateKey.Decide(k, Order(3))).ThenRefused("too-busy");
        var early = new KeyRetirement(Admin, true, true, "stolen", Now);
        Log.Given().When(k => RetireKey.Decide(k, early)).ThenRefused("no-successor");
        Log.Given(Announced(2)).When(k => RetireKey.Decide(k, early with { IsAdmin = false })).ThenRefused("admins-only");
        Log.Given(Announced(2)).When(k => RetireKey.Decide(k, early)).Then(new ControlPlaneKeyRetired(Public(1), true, Admin, "stolen"));
    }

    private TrustedKeys Trusting(params int[] generations) => new([.. generations.Select(Public)], "first", "");

    [Fact]
    public void An_agent_believes_both_during_the_overlap_and_then_the_new_one_alone()
    {
        var during = Trusting(1).After(new KeyRing([Signing(2)], []));
        Assert.Equal([Public(1), Public(2)], during.Signing);
        Assert.Equal([Public(2)], during.After(new KeyRing([Signing(2)], [Public(1)])).Signing);
    }

    [Fact]
    public void One_that_slept_through_two_rotations_follows_the_chain_from_the_key_it_knows() =>
        Assert.Equal([Public(3)], Trusting(1).After(new KeyRing([Signing(2), Signing(3)], [Public(1), Public(2)])).Signing);

    [Fact]
    public void What_no_believed_key_vouches_for_is_not_believed()
    {
        foreach (var forged in new[]
        {
            Signing(2, by: 4), Signing(2) with { Acceptance = null }, Signing(2) with { PublicKey = Public(4) }, Signing(2) with { SignedBy = Public(4) },
            Signing(3), // of a key it does not know
        })
        {
            Assert.Equal([Public(1)], Trusting(1).After(new KeyRing([forged], [])).Signing);
        }
    }

    [Fact]
    public void A_key_that_an_agent_has_dropped_vouches_for_nothing_any_more() =>
        Assert.Equal([Public(2)], Trusting(2).After(new KeyRing([Signing(4, by: 1) with { SignedBy = Public(1), Previous = Public(1) }], [])).Signing);

    [Fact]
    public void An_agent_is_never_left_with_nobody_to_believe() =>
        Assert.Equal(Trusting(1).Signing, Trusting(1).After(new KeyRing([], [Public(1)])).Signing);

    [Fact]
    public void A_new_encryption_key_needs_a_believed_signature()
    {
        Assert.Equal("second", Trusting(1).After(new KeyRing([Encryption("second", by: 1)], [])).Encryption);
        Assert.Equal("first", Trusting(1).After(new KeyRing([Encryption("second", by: 2)], [])).Encryption);
        Assert.Equal("second", Trusting(1).After(new KeyRing([Signing(2), Encryption("second", by: 2)], [Public(1)])).Encryption);
    }
}
