using System.Security.Cryptography;
using System.Text;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.ControlPlane.Keys;

/// <summary>
/// The control plane's keys, in the folder `Keys:Path`: made at the first start and whenever one is rotated, readable by this user alone, the same for all
/// replicas. `signing.pem` and `encryption.pem` are the first, `signing-2.pem` follows, and so on; which of them count, the log says. Who holds the one that
/// signs commands every agent.
/// </summary>
public sealed class SigningKeys : IDisposable
{
    private readonly Lock guard = new();
    private readonly string folder;
    private readonly Dictionary<int, ECDsa> signing = [];
    private readonly Dictionary<int, ECDiffieHellman> encryption = [];
    private readonly Dictionary<string, ECDsa> believed = new(StringComparer.Ordinal);
    private readonly byte[] derivation;
    private int signs = 1;
    private int seals = 1;

    public SigningKeys(string folder)
    {
        this.folder = folder;
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        believed[PublicOf(Signing(1))] = Signing(1);
        derivation = HKDF.DeriveKey(HashAlgorithmName.SHA256, Encryption(1).ExportECPrivateKey(), 32, info: "accessplane.derived.v1"u8.ToArray());
    }

    /// <summary>Of the key that signs: SubjectPublicKeyInfo, base64.</summary>
    public string SigningPublicKey
    {
        get
        {
            lock (guard)
            {
                return PublicOf(signing[signs]);
            }
        }
    }

    public string EncryptionPublicKey
    {
        get
        {
            lock (guard)
            {
                return PublicOf(encryption[seals]);
            }
        }
    }

    /// <summary>Takes up what the log says of the keys.</summary>
    /// <exception cref="InvalidOperationException">A key that it names is not in this replica's folder.</exception>
    public void Use(ControlPlaneKeys state)
    {
        ArgumentNullException.ThrowIfNull(state);
        lock (guard)
        {
            foreach (var (key, generation) in state.Of(KeyAnnouncement.Signing).Select(a => (a.Key.PublicKey, a.Key.Generation)))
            {
                believed.TryAdd(key, Known(Signing(generation), key, generation));
            }
            foreach (var announced in state.Of(KeyAnnouncement.Encryption))
            {
                _ = Encryption(announced.Key.Generation);
            }
            // what a stolen key signs now proves nothing
            foreach (var stolen in state.Retired.Where(r => r.Compromised))
            {
                believed.Remove(stolen.PublicKey);
            }
            (signs, seals) = (state.SigningGeneration, state.EncryptionGeneration);
        }
    }

    /// <summary>Makes a key, and has those sign for it who have to.</summary>
    public KeyAnnouncement Announce(string use, int generation, DateTimeOffset at)
    {
        lock (guard)
        {
            var sign = signing[signs];
            var (made, previous) = use == KeyAnnouncement.Signing
                ? (PublicOf(Signing(generation)), PublicOf(Signing(generation - 1)))
                : (PublicOf(Encryption(generation)), PublicOf(Encryption(generation - 1)));
            var key = new KeyAnnouncement(use, generation, made, previous, at, PublicOf(sign), "", null);
            return key with
            {
                Signature = Signatures.Sign(sign, key.SignedBytes()),
                Acceptance = use == KeyAnnouncement.Signing ? Signatures.Sign(Signing(generation), key.SignedBytes()) : null,
            };
        }
    }

    public Directive Sign(Directive directive)
    {
        ArgumentNullException.ThrowIfNull(directive);
        lock (guard)
        {
            return directive.SignWith(signing[signs]);
        }
    }

    /// <summary>ECDSA P-256 over bytes that begin with what they are, so that no signature can pass for another's; base64 (IEEE P1363 form).</summary>
    /// <param name="publicKey">Which of its keys: the one that is named in what is signed, though another one may sign by now.</param>
    public string Sign(byte[] bytes, string publicKey)
    {
        lock (guard)
        {
            return Signatures.Sign(signing.Values.Single(key => PublicOf(key) == publicKey), bytes);
        }
    }

    /// <summary>Whether a signature is this control plane's, by whichever of its keys that nobody has stolen.</summary>
    public bool IsOurs(byte[] bytes, string signature)
    {
        lock (guard)
        {
            return believed.Values.Any(key => Signatures.Check(key, bytes, signature));
        }
    }

    /// <summary>What an agent sealed for the control plane, with whichever key it had then; null where it was not.</summary>
    public string? Open(string text, string context)
    {
        lock (guard)
        {
            return encryption.OrderByDescending(k => k.Key).Select(k => Sealed.Open(k.Value, text, context)).FirstOrDefault(secret => secret is not null);
        }
    }

    /// <summary>A secret that follows from the keys and a purpose: the same whenever it is asked for, unknown to whoever has not the keys.</summary>
    public string Derive(string purpose) => Convert.ToHexStringLower(HMACSHA256.HashData(derivation, Encoding.UTF8.GetBytes(purpose)));

    public void Dispose()
    {
        foreach (var key in signing.Values)
        {
            key.Dispose();
        }
        foreach (var key in encryption.Values)
        {
            key.Dispose();
        }
    }

    private ECDsa Signing(int generation)
    {
        if (!signing.TryGetValue(generation, out var key))
        {
            signing[generation] = key = ECDsa.Create();
            key.ImportFromPem(KeyFile.ReadOrMake(FileOf(KeyAnnouncement.Signing, generation), () =>
            {
                using var made = ECDsa.Create(ECCurve.NamedCurves.nistP256);
                return made.ExportPkcs8PrivateKeyPem();
            }));
        }
        return key;
    }

    private ECDiffieHellman Encryption(int generation)
    {
        if (!encryption.TryGetValue(generation, out var key))
        {
            encryption[generation] = key = ECDiffieHellman.Create();
            key.ImportFromPem(KeyFile.ReadOrMake(FileOf(KeyAnnouncement.Encryption, generation), () =>
            {
                using var made = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
                return made.ExportPkcs8PrivateKeyPem();
            }));
        }
        return key;
    }

    private static ECDsa Known(ECDsa key, string publicKey, int generation) => PublicOf(key) == publicKey
        ? key
        : throw new InvalidOperationException($"`signing-{generation}.pem` is not the key that the log names: all replicas need the same folder `Keys:Path`");

    private static string PublicOf(AsymmetricAlgorithm key) => Convert.ToBase64String(key.ExportSubjectPublicKeyInfo());

    private string FileOf(string use, int generation) => Path.Combine(folder, generation == 1 ? $"{use}.pem" : $"{use}-{generation}.pem");
}
