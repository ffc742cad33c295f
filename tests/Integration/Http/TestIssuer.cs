using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AccessPlane.Tests.Integration.Http;

/// <summary>An issuer that does what a test wants: publishes keys, rotates them, goes down, signs anything.</summary>
internal sealed class TestIssuer : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly List<(string Kid, AsymmetricAlgorithm Key)> published = [];
    private int asked;
    private int begun;

    private TestIssuer(WebApplication app) => this.app = app;

    public string Address { get; private set; } = "";
    public bool Down { get; set; }

    /// <summary>It answers nothing before this is done.</summary>
    public Task Answers { get; set; } = Task.CompletedTask;

    /// <summary>What the token endpoint answers a form; nothing of the kind otherwise.</summary>
    public Func<Dictionary<string, string>, IResult> Tokens { get; set; } = _ => Results.BadRequest(new { error = "invalid_grant" });

    /// <summary>How often the keys were asked for.</summary>
    public int Asked => Volatile.Read(ref asked);

    /// <summary>How often somebody began to ask.</summary>
    public int Begun => Volatile.Read(ref begun);

    public static async Task<TestIssuer> Start()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var issuer = new TestIssuer(app);
        app.Use(async (http, next) =>
        {
            if (http.Request.Path.Value?.EndsWith("openid-configuration", StringComparison.Ordinal) == true)
            {
                Interlocked.Increment(ref issuer.begun);
            }
            if (issuer.Down)
            {
                http.Response.StatusCode = 503;
                return;
            }
            await issuer.Answers.WaitAsync(http.RequestAborted);
            await next(http);
        });
        app.MapGet("/.well-known/openid-configuration", () => Results.Json(new Dictionary<string, string>
        {
            ["issuer"] = issuer.Address,
            ["jwks_uri"] = $"{issuer.Address}/jwks",
            ["authorization_endpoint"] = $"{issuer.Address}/authorize",
            ["token_endpoint"] = $"{issuer.Address}/token",
        }));
        app.MapPost("/token", async (HttpRequest request) => issuer.Tokens((await request.ReadFormAsync()).ToDictionary(f => f.Key, f => f.Value.ToString())));
        app.MapGet("/jwks", () =>
        {
            Interlocked.Increment(ref issuer.asked);
            return Results.Json(new { keys = issuer.published.Select(p => Jwk(p.Kid, p.Key)).ToArray() });
        });
        await app.StartAsync();
        issuer.Address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        issuer.Publish("k1", RSA.Create(Key.Value));
        return issuer;
    }

    /// <summary>Of all issuers of a run: it takes a while to find one.</summary>
    private static readonly Lazy<RSAParameters> Key = new(() =>
    {
        using var made = RSA.Create(2048);
        return made.ExportParameters(true);
    });

    public void Publish(string kid, AsymmetricAlgorithm key) => published.Add((kid, key));

    public void Withdraw(string kid) => published.RemoveAll(p => p.Kid == kid);

    public RSA Rsa(string kid) => (RSA)published.Single(p => p.Kid == kid).Key;

    public Dictionary<string, object?> Claims(string subject, DateTimeOffset now, params string[] groups) => new()
    {
        ["iss"] = Address,
        ["aud"] = "accessplane",
        ["sub"] = subject,
        ["iat"] = now.ToUnixTimeSeconds(),
        ["exp"] = now.ToUnixTimeSeconds() + 300,
        ["jti"] = Guid.CreateVersion7().ToString(),
        ["groups"] = groups,
        ["kind"] = "person",
    };

    /// <summary>A good token.</summary>
    public string Token(string subject, DateTimeOffset now, params string[] groups) => Sign(Claims(subject, now, groups));

    /// <summary>A good token for a review by queue.</summary>
    public string ReviewToken(string subject, DateTimeOffset now, params string[] groups)
    {
        var claims = Claims(subject, now, groups);
        claims["aud"] = "accessplane-reviews";
        return Sign(claims);
    }

    public string Sign(Dictionary<string, object?> claims, string kid = "k1", string alg = "RS256", RSA? key = null)
    {
        var rsa = key ?? Rsa(kid);
        return Compose(new() { ["alg"] = alg, ["typ"] = "at+jwt", ["kid"] = kid }, claims, input => rsa.SignData(input, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));
    }

    public static string Compose(Dictionary<string, object?> header, Dictionary<string, object?> claims, Func<byte[], byte[]> sign)
    {
        var input = $"{Base64(JsonSerializer.SerializeToUtf8Bytes(header))}.{Base64(JsonSerializer.SerializeToUtf8Bytes(claims))}";
        return $"{input}.{Base64(sign(Encoding.ASCII.GetBytes(input)))}";
    }

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        published.ForEach(p => p.Key.Dispose());
    }

    private static Dictionary<string, string> Jwk(string kid, AsymmetricAlgorithm key)
    {
        var jwk = new Dictionary<string, string> { ["kid"] = kid, ["use"] = "sig" };
        if (key is RSA rsa)
        {
            var p = rsa.ExportParameters(false);
            (jwk["kty"], jwk["n"], jwk["e"]) = ("RSA", Base64(p.Modulus!), Base64(p.Exponent!));
        }
        else
        {
            var p = ((ECDsa)key).ExportParameters(false);
            var curve = ((ECDsa)key).KeySize switch { 256 => "P-256", 384 => "P-384", _ => "P-521" };
            (jwk["kty"], jwk["crv"], jwk["x"], jwk["y"]) = ("EC", curve, Base64(p.Q.X!), Base64(p.Q.Y!));
        }
        return jwk;
    }

    private static string Base64(byte[] bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);
}
