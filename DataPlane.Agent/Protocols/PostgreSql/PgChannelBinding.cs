using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>tls-server-end-point (RFC 5929): the hash of the server's certificate, by its signature's own hash or SHA-256 where that is weaker.</summary>
internal static class PgChannelBinding
{
    public static byte[]? Of(X509Certificate2 certificate) => certificate.SignatureAlgorithm.Value switch
    {
        // RSA and ECDSA with SHA-384, SHA-512
        "1.2.840.113549.1.1.12" or "1.2.840.10045.4.3.3" => SHA384.HashData(certificate.RawData),
        "1.2.840.113549.1.1.13" or "1.2.840.10045.4.3.4" => SHA512.HashData(certificate.RawData),
        // RSA with MD5, SHA-1 or SHA-256; ECDSA with SHA-1 or SHA-256
        "1.2.840.113549.1.1.4" or "1.2.840.113549.1.1.5" or "1.2.840.113549.1.1.11" or "1.2.840.10045.4.1" or "1.2.840.10045.4.3.2" =>
            SHA256.HashData(certificate.RawData),
        _ => null, // RSA-PSS, Ed25519: the RFC does not say, so that both sides would have to guess alike
    };
}
