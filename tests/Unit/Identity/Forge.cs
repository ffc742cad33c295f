using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Tests.Unit.Identity;

/// <summary>Makes tokens, good and bad, byte by byte.</summary>
internal static class Forge
{
    public const string Issuer = "https://idp.example";
    public static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public static IssuerTerms Terms { get; } = new(
        Issuer, "accessplane", "accessplane-reviews", ["RS256", "ES256"], "groups", "kind", ActorKind.Person, ["repository", "run_id"]);

    public static Dictionary<string, object?> Header { get; } = new() { ["alg"] = "RS256", ["typ"] = "at+jwt", ["kid"] = "k1" };

    public static Dictionary<string, object?> Claims { get; } = new()
    {
        ["iss"] = Issuer,
        ["aud"] = "accessplane",
        ["sub"] = "engineer",
        ["iat"] = Now.ToUnixTimeSeconds() - 10,
        ["exp"] = Now.ToUnixTimeSeconds() + 290,
        ["jti"] = "j1",
    };

    public static Dictionary<string, object?> With(this Dictionary<string, object?> members, string name, object? value) =>
        new(members) { [name] = value };

    public static Dictionary<string, object?> Without(this Dictionary<string, object?> members, string name) =>
        members.Where(m => m.Key != name).ToDictionary();

    public static string Base64Url(byte[] bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);

    public static string Part(string json) => Base64Url(Encoding.UTF8.GetBytes(json));

    public static string Unsigned(string header, string claims) => $"{Part(header)}.{Part(claims)}.{Base64Url([1, 2, 3])}";

    public static string Unsigned(Dictionary<string, object?> header, Dictionary<string, object?> claims) =>
        Unsigned(JsonSerializer.Serialize(header), JsonSerializer.Serialize(claims));

    public static string Signed(Dictionary<string, object?> header, Dictionary<string, object?> claims, Func<byte[], byte[]> sign)
    {
        var input = $"{Part(JsonSerializer.Serialize(header))}.{Part(JsonSerializer.Serialize(claims))}";
        return $"{input}.{Base64Url(sign(Encoding.ASCII.GetBytes(input)))}";
    }

    public static string Signed(RSA key, Dictionary<string, object?> header, Dictionary<string, object?> claims) =>
        Signed(header, claims, input => key.SignData(input, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));

    public static TokenReading Read(string token, TokenUse use = TokenUse.Access, IssuerTerms? terms = null, DateTimeOffset? now = null) =>
        TokenReader.Read(token, use, [terms ?? Terms], now ?? Now);

    public static string Refusal(TokenReading reading) => Xunit.Assert.IsType<TokenReading.Refused>(reading).Refusal.Code;

    public static ValidToken Valid(TokenReading reading) => Xunit.Assert.IsType<TokenReading.Read>(reading).Token.ProvenBy(_ => true)!;
}
