using System.Security.Cryptography;
using AccessPlane.Agent.Directives;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>A control plane's keys, in the hands of a test: an agent that is enrolled with them believes what they sign, and seals for them.</summary>
internal sealed class PlaneKeys : IDisposable
{
    public ECDsa Signing { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    public ECDiffieHellman Encryption { get; } = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);

    public AgentIdentity Enrol(string agent) => new(
        new Enrolment(agent, "", "", "", Convert.ToBase64String(Signing.ExportSubjectPublicKeyInfo()), Convert.ToBase64String(Encryption.ExportSubjectPublicKeyInfo()), 1),
        ECDsa.Create(ECCurve.NamedCurves.nistP256));

    public void Dispose()
    {
        Signing.Dispose();
        Encryption.Dispose();
    }
}
