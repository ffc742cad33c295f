using System.Security.Cryptography;
using AccessPlane.Agent.Directives;
using AccessPlane.Agent.Gate;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>Logins by an issuer's tokens. Nobody answers where there is no grant.</summary>
internal sealed class TokenDoor : IDisposable
{
    private readonly ECDsa signing = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDiffieHellman encryption = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
    private readonly IssuerKeys keys = new();
    private readonly AgentIdentity identity;

    public TokenDoor(InForce inForce, Tickets used, string issuer)
    {
        inForce.Swap(inForce.Current with
        {
            Issuers = [new IssuerTerms(issuer, "accessplane", "accessplane-reviews", ["RS256"], "groups", "kind", ActorKind.Workload, [])],
        });
        identity = new AgentIdentity(
            new Enrolment("wire", "", "", "", Convert.ToBase64String(signing.ExportSubjectPublicKeyInfo()), Convert.ToBase64String(encryption.ExportSubjectPublicKeyInfo()), 1),
            ECDsa.Create(ECCurve.NamedCurves.nistP256));
        Logins = new TokenLogins(inForce, keys, used, new LoginDesk(inForce, identity, new PendingLogins(), _ => { }));
    }

    public TokenLogins Logins { get; }

    public void Dispose()
    {
        identity.Dispose();
        keys.Dispose();
        signing.Dispose();
        encryption.Dispose();
    }
}
