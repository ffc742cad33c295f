using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Directives;

/// <summary>The control plane's keys that an agent believes. Immutable; what it is told of others counts as far as those it believes vouch for them.</summary>
/// <param name="Signing">SubjectPublicKeyInfo, base64.</param>
/// <param name="Encryption">The one to seal with.</param>
/// <param name="Digest">Of the last ring that was taken.</param>
internal sealed record TrustedKeys(IReadOnlyList<string> Signing, string Encryption, string Digest)
{
    public TrustedKeys After(KeyRing ring)
    {
        ArgumentNullException.ThrowIfNull(ring);
        var (signing, vouching, encryption) = (Signing.ToList(), Signing.ToHashSet(), Encryption);
        foreach (var announced in ring.Announced.Where(a => a.IsWhole() && vouching.Contains(a.SignedBy)))
        {
            if (announced.Use == KeyAnnouncement.Encryption)
            {
                encryption = announced.PublicKey;
            }
            else if (vouching.Add(announced.PublicKey))
            {
                signing.Add(announced.PublicKey);
            }
        }
        var left = signing.Where(k => !ring.Retired.Contains(k)).ToList();
        // INVARIANT: an agent that believes nobody can never be told anything again
        return left.Count == 0 ? this : new TrustedKeys(left, encryption, ring.Digest());
    }
}
