using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Tests.Integration.Http;

/// <param name="Code">What the control plane refuses it with.</param>
internal sealed record BadToken(string Kind, string Token, string Code)
{
    /// <summary>An agent says of a key that it does not find no more than of a signature that is wrong.</summary>
    public string CodeAtTheGate => Code == "token-key-unknown" ? "token-signature" : Code;
}

/// <summary>
/// Tokens that must let nobody in, made by hand: one corpus for all doors, so that none is easier than another. In all but one thing each of them is a good one.
/// </summary>
internal sealed class BadTokens : IDisposable
{
    private readonly TestIssuer issuer;
    private readonly TestIssuer other;
    private readonly RSA stranger = RSA.Create(2048);
    private readonly RSA small = RSA.Create(1024);
    private readonly ECDsa curve = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    /// <summary>Before a door asks for their keys: some of what is bad is what the issuers publish.</summary>
    public BadTokens(TestIssuer issuer, TestIssuer other)
    {
        (this.issuer, this.other) = (issuer, other);
        issuer.Publish("short", RSA.Create(1024));
        issuer.Publish("padded", new Padded(small));
        issuer.Publish("curve", ECDsa.Create(ECCurve.NamedCurves.nistP256));
        issuer.Publish("other-curve", ECDsa.Create(ECCurve.NamedCurves.nistP384));
        other.Withdraw("k1"); // all issuers of tests begin with the same key
        other.Publish("k1", RSA.Create(2048));
    }

    /// <summary>How a door must know either issuer.</summary>
    public static IssuerTerms Terms(TestIssuer issuer) =>
        new(issuer.Address, "accessplane", "accessplane-reviews", ["RS256", "ES256"], "groups", "kind", ActorKind.Person, []);

    /// <summary>A good one, but for keys to be looked through.</summary>
    public string WithoutKeyId(DateTimeOffset now) => TestIssuer.Compose(Header("RS256", null), issuer.Claims("engineer", now), Signed);

    /// <summary>Of each type of key one, under an id.</summary>
    public IEnumerable<string> Naming(string kid, DateTimeOffset now) =>
    [
        issuer.Sign(issuer.Claims("engineer", now), kid, key: issuer.Rsa("k1")),
        TestIssuer.Compose(Header("ES256", kid), issuer.Claims("engineer", now), SignedByCurve),
    ];

    public IReadOnlyList<BadToken> All(DateTimeOffset now) => [.. OfAlgorithms(now), .. OfKeys(now), .. OfClaims(now), .. OfForm(now)];

    private IEnumerable<BadToken> OfAlgorithms(DateTimeOffset now)
    {
        var claims = issuer.Claims("engineer", now);
        var (pem, der) = (Encoding.ASCII.GetBytes(issuer.Rsa("k1").ExportSubjectPublicKeyInfoPem()), issuer.Rsa("k1").ExportSubjectPublicKeyInfo());
        yield return new("no algorithm and no signature", TestIssuer.Compose(Header("none"), claims, _ => []), "token-malformed");
        yield return new("no algorithm and a good signature", TestIssuer.Compose(Header("none"), claims, Signed), "token-algorithm");
        yield return new("no algorithm, written otherwise", TestIssuer.Compose(Header("nOnE"), claims, Signed), "token-algorithm");
        yield return new("the public key's PEM as a secret", TestIssuer.Compose(Header("HS256"), claims, input => HMACSHA256.HashData(pem, input)), "token-algorithm");
        yield return new("the public key's DER as a secret", TestIssuer.Compose(Header("HS256"), claims, input => HMACSHA256.HashData(der, input)), "token-algorithm");
        yield return new("an algorithm that is not its issuer's", TestIssuer.Compose(
            Header("PS256"), claims, input => issuer.Rsa("k1").SignData(input, HashAlgorithmName.SHA256, RSASignaturePadding.Pss)), "token-algorithm");
        yield return new("another padding than it says", TestIssuer.Compose(
            Header("RS256"), claims, input => issuer.Rsa("k1").SignData(input, HashAlgorithmName.SHA256, RSASignaturePadding.Pss)), "token-signature");
        yield return new("another hash than it says", TestIssuer.Compose(
            Header("RS256"), claims, input => issuer.Rsa("k1").SignData(input, HashAlgorithmName.SHA512, RSASignaturePadding.Pkcs1)), "token-signature");
    }

    private IEnumerable<BadToken> OfKeys(DateTimeOffset now)
    {
        var claims = issuer.Claims("engineer", now);
        yield return new("a stranger's key", issuer.Sign(claims, key: stranger), "token-signature");
        yield return new("a stranger's key and no id", TestIssuer.Compose(
            Header("RS256", null), claims, input => stranger.SignData(input, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)), "token-signature");
        yield return new("another issuer's key under the same id", issuer.Sign(claims, key: other.Rsa("k1")), "token-signature");
        yield return new("an id that no key has", issuer.Sign(claims, "nobodys", key: issuer.Rsa("k1")), "token-key-unknown");
        yield return new("a key of 1024 bits", issuer.Sign(claims, "short"), "token-key-unknown");
        yield return new("a key of 1024 bits behind as many zeros", issuer.Sign(claims, "padded", key: small), "token-key-unknown");
        yield return new("a curve's signature under an RSA key's id", TestIssuer.Compose(Header("ES256"), claims, SignedByCurve), "token-key-unknown");
        yield return new("an RSA signature under a curve's id", issuer.Sign(claims, "curve", key: stranger), "token-key-unknown");
        yield return new("another curve's id", TestIssuer.Compose(Header("ES256", "other-curve"), claims, SignedByCurve), "token-key-unknown");
        yield return new("a stranger's key on the right curve", TestIssuer.Compose(Header("ES256", "curve"), claims, SignedByCurve), "token-signature");
    }

    private IEnumerable<BadToken> OfClaims(DateTimeOffset now)
    {
        var seconds = now.ToUnixTimeSeconds();
        yield return Changed("not valid yet", "token-not-yet-valid", ("nbf", seconds + 600));
        yield return Changed("issued later", "token-not-yet-valid", ("iat", seconds + 600), ("exp", seconds + 900));
        yield return Changed("expired", "token-expired", ("iat", seconds - 361), ("exp", seconds - 61));
        yield return Changed("issued yesterday", "token-too-old", ("iat", seconds - 86_400 - 61));
        yield return Changed("for reviews", "token-audience", ("aud", "accessplane-reviews"));
        yield return Changed("for another one too", "token-audience", ("aud", new[] { "accessplane", "elsewhere" }));
        yield return Changed("of an issuer that nobody knows", "token-issuer", ("iss", "https://elsewhere.example"));
        yield return Changed("of another issuer", "token-signature", ("iss", other.Address));
        yield return Changed("huge", "token-too-large", ("x", new string('x', 14_000)));

        BadToken Changed(string kind, string code, params (string Name, object? Value)[] changes)
        {
            var claims = issuer.Claims("engineer", now);
            foreach (var (name, value) in changes)
            {
                claims[name] = value;
            }
            return new(kind, issuer.Sign(claims), code);
        }
    }

    private IEnumerable<BadToken> OfForm(DateTimeOffset now)
    {
        var (header, claims) = (JsonSerializer.Serialize(Header("RS256")), JsonSerializer.Serialize(issuer.Claims("engineer", now)));
        var good = issuer.Token("engineer", now);
        var (parts, another) = (good.Split('.'), issuer.Token("admin", now).Split('.'));
        yield return new("two algorithms", Written(header.Insert(1, "\"alg\":\"none\","), claims), "token-malformed");
        yield return new("two subjects", Written(header, claims.Insert(1, "\"sub\":\"admin\",")), "token-malformed");
        yield return new("two subjects, one of them escaped", Written(header, claims.Insert(1, "\"\\u0073ub\":\"admin\",")), "token-malformed");
        yield return new("its own key", Written(header.Insert(1, "\"jwk\":{\"kty\":\"oct\"},"), claims), "token-header");
        yield return new("what has to be understood and is not", Written(header.Insert(1, "\"crit\":[\"exp\"],"), claims), "token-header");
        yield return new("another one's claims", $"{parts[0]}.{another[1]}.{parts[2]}", "token-signature");
        yield return new("half of the signature", $"{parts[0]}.{parts[1]}.{parts[2][..128]}", "token-signature");
        yield return new("a signature with padding", good + "=", "token-malformed");
        yield return new("five parts", good + ".AAAA.AAAA", "token-malformed");
        yield return new("no token", "hunter2", "token-malformed");
    }

    private static Dictionary<string, object?> Header(string algorithm, string? kid = "k1") => kid is null
        ? new() { ["alg"] = algorithm, ["typ"] = "at+jwt" }
        : new() { ["alg"] = algorithm, ["typ"] = "at+jwt", ["kid"] = kid };

    private byte[] Signed(byte[] input) => issuer.Rsa("k1").SignData(input, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);

    private byte[] SignedByCurve(byte[] input) => curve.SignData(input, HashAlgorithmName.SHA256);

    /// <summary>With a good signature, whatever it says.</summary>
    private string Written(string header, string claims)
    {
        var input = $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header))}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims))}";
        return $"{input}.{Base64Url.EncodeToString(Signed(Encoding.ASCII.GetBytes(input)))}";
    }

    public void Dispose()
    {
        stranger.Dispose();
        small.Dispose();
        curve.Dispose();
    }

    /// <summary>A short key that looks like a long one where nobody reads it as a number.</summary>
    private sealed class Padded(RSA key) : RSA
    {
        public override RSAParameters ExportParameters(bool includePrivateParameters)
        {
            var parameters = key.ExportParameters(false);
            parameters.Modulus = [.. new byte[parameters.Modulus!.Length], .. parameters.Modulus];
            return parameters;
        }

        public override void ImportParameters(RSAParameters parameters) => throw new NotSupportedException();
    }
}
