using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>Whether a mail server is who it should be, where the configuration names the roots. Its name must be right as well.</summary>
internal sealed class MailTrust(string file) : IDisposable
{
    private const string ForServers = "1.3.6.1.5.5.7.3.1";
    private readonly X509Certificate2Collection roots = Read(file);

    public static bool HasRoots(string file)
    {
        try
        {
            using var trust = new MailTrust(file);
            return trust.roots.Count > 0;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or CryptographicException)
        {
            return false;
        }
    }

    public bool IsTrusted(X509Certificate? certificate, X509Chain? found, SslPolicyErrors problems)
    {
        if (certificate is null || (problems & ~SslPolicyErrors.RemoteCertificateChainErrors) != SslPolicyErrors.None)
        {
            return false;
        }
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck; // an authority of one's own seldom says where it lists what it takes back
        chain.ChainPolicy.CustomTrustStore.AddRange(roots);
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ForServers));
        if (found is not null)
        {
            chain.ChainPolicy.ExtraStore.AddRange(found.ChainPolicy.ExtraStore); // what the server has sent between
        }
        using var server = X509CertificateLoader.LoadCertificate(certificate.GetRawCertData());
        return chain.Build(server);
    }

    public void Dispose()
    {
        foreach (var root in roots)
        {
            root.Dispose();
        }
    }

    private static X509Certificate2Collection Read(string file)
    {
        var roots = new X509Certificate2Collection();
        roots.ImportFromPemFile(file);
        return roots;
    }
}
