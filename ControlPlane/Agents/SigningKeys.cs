using System.Security.Cryptography;
using System.Text;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>
/// The control plane's keys, in the folder `Keys:Path`: made at the first start, readable by this user alone, the same for all replicas.
/// Who holds `signing.pem` commands every agent.
/// </summary>
public sealed class SigningKeys : IDisposable
{
    private readonly Lock guard = new();
    private readonly ECDsa signing;
    private readonly ECDiffieHellman encryption;
    private readonly byte[] derivation;

    public SigningKeys(string folder)
    {
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        signing = ECDsa.Create();
        signing.ImportFromPem(ReadOrMake(Path.Combine(folder, "signing.pem"), () =>
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            return key.ExportPkcs8PrivateKeyPem();
        }));
        encryption = ECDiffieHellman.Create();
        encryption.ImportFromPem(ReadOrMake(Path.Combine(folder, "encryption.pem"), () =>
        {
            using var key = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
            return key.ExportPkcs8PrivateKeyPem();
        }));
        SigningPublicKey = Convert.ToBase64String(signing.ExportSubjectPublicKeyInfo());
        EncryptionPublicKey = Convert.ToBase64String(encryption.ExportSubjectPublicKeyInfo());
        derivation = HKDF.DeriveKey(HashAlgorithmName.SHA256, encryption.ExportECPrivateKey(), 32, info: "accessplane.derived.v1"u8.ToArray());
    }

    /// <summary>SubjectPublicKeyInfo, base64.</summary>
    public string SigningPublicKey { get; }
    public string EncryptionPublicKey { get; }

    public Directive Sign(Directive directive)
    {
        ArgumentNullException.ThrowIfNull(directive);
        lock (guard)
        {
            return directive.SignWith(signing);
        }
    }

    /// <summary>What an agent sealed for the control plane; null where it was not.</summary>
    public string? Open(string text, string context)
    {
        lock (guard)
        {
            return Sealed.Open(encryption, text, context);
        }
    }

    /// <summary>A secret that follows from the keys and a purpose: the same whenever it is asked for, unknown to whoever has not the keys.</summary>
    public string Derive(string purpose) => Convert.ToHexStringLower(HMACSHA256.HashData(derivation, Encoding.UTF8.GetBytes(purpose)));

    public void Dispose()
    {
        signing.Dispose();
        encryption.Dispose();
    }

    private static string ReadOrMake(string path, Func<string> make)
    {
        if (!File.Exists(path))
        {
            var mine = $"{path}.{Environment.ProcessId}";
            using (var file = new FileStream(mine, new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            }))
            {
                file.Write(Encoding.ASCII.GetBytes(make()));
                file.Flush(flushToDisk: true);
            }
            try
            {
                File.Move(mine, path, overwrite: false);
            }
            catch (IOException) when (File.Exists(path))
            {
                // another replica was first: its key is the key
                File.Delete(mine);
            }
        }
        return File.ReadAllText(path);
    }
}
