using System.Security.Cryptography;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Directives;

/// <summary>Who this agent is, and whom it believes.</summary>
public sealed class AgentIdentity(Enrolment enrolment, ECDsa key) : IDisposable
{
    private readonly Lock guard = new();
    private readonly ECDsa signing = ImportSigning((enrolment ?? throw new ArgumentNullException(nameof(enrolment))).SigningKey);
    private readonly ECDiffieHellman encryption = ImportEncryption(enrolment.EncryptionKey);

    public string Id { get; } = enrolment.Agent;
    public Enrolment Enrolment { get; } = enrolment;

    public Report Sign(Report report)
    {
        ArgumentNullException.ThrowIfNull(report);
        lock (guard)
        {
            return report.SignWith(key);
        }
    }

    public bool IsFromControlPlane(Directive directive)
    {
        ArgumentNullException.ThrowIfNull(directive);
        lock (signing)
        {
            return directive.IsSignedBy(signing);
        }
    }

    public string SealForControlPlane(string secret, string context)
    {
        lock (encryption)
        {
            return Sealed.Seal(encryption, secret, context);
        }
    }

    public void Dispose()
    {
        key.Dispose();
        signing.Dispose();
        encryption.Dispose();
    }

    /// <summary>The key is not safe to use from several threads at once.</summary>
    internal void UseKey(Action<ECDsa> use)
    {
        lock (guard)
        {
            use(key);
        }
    }

    private static ECDsa ImportSigning(string publicKey)
    {
        var imported = ECDsa.Create();
        imported.ImportSubjectPublicKeyInfo(Convert.FromBase64String(publicKey), out _);
        return imported;
    }

    private static ECDiffieHellman ImportEncryption(string publicKey)
    {
        var imported = ECDiffieHellman.Create();
        imported.ImportSubjectPublicKeyInfo(Convert.FromBase64String(publicKey), out _);
        return imported;
    }
}
