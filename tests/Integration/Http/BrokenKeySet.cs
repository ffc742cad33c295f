using System.Buffers.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AccessPlane.Tests.Integration.Http;

/// <summary>What an issuer publishes at another address: its good key `k1`, in the midst of keys that are none.</summary>
internal sealed class BrokenKeySet : IAsyncDisposable
{
    private readonly WebApplication app;

    private BrokenKeySet(WebApplication app) => this.app = app;

    /// <summary>Of the metadata.</summary>
    public string Address { get; private set; } = "";

    /// <summary>Ids of the keys that are none.</summary>
    public IReadOnlyList<string> KeyIds { get; private set; } = [];

    public static async Task<BrokenKeySet> Start(TestIssuer issuer)
    {
        var key = issuer.Rsa("k1").ExportParameters(false);
        var (n, e) = (Base64Url.EncodeToString(key.Modulus!), Base64Url.EncodeToString(key.Exponent!));
        var broken = new Dictionary<string, string>
        {
            ["modulus-is-no-base64"] = "\"kty\":\"RSA\",\"n\":\"*\",\"e\":\"AQAB\"",
            ["modulus-is-cut"] = "\"kty\":\"RSA\",\"n\":\"AAAAA\",\"e\":\"AQAB\"",
            ["modulus-is-zero"] = "\"kty\":\"RSA\",\"n\":\"AAAA\",\"e\":\"AQAB\"",
            ["no-modulus"] = "\"kty\":\"RSA\",\"e\":\"AQAB\"",
            ["exponent-is-no-base64"] = $"\"kty\":\"RSA\",\"n\":\"{n}\",\"e\":\"*\"",
            ["no-exponent"] = $"\"kty\":\"RSA\",\"n\":\"{n}\"",
            ["point-is-no-base64"] = "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"*\",\"y\":\"*\"",
            ["no-point"] = "\"kty\":\"EC\",\"crv\":\"P-256\"",
            ["no-type"] = $"\"n\":\"{n}\",\"e\":\"{e}\"",
        };
        var all = broken.Select(b => $"{{{b.Value},\"kid\":\"{b.Key}\"}}").ToList();
        all.Insert(all.Count / 2, $"{{\"kty\":\"RSA\",\"kid\":\"k1\",\"use\":\"sig\",\"n\":\"{n}\",\"e\":\"{e}\"}}");
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var set = new BrokenKeySet(builder.Build()) { KeyIds = [.. broken.Keys] };
        set.app.MapGet("/metadata", (HttpRequest request) => Results.Json(new Dictionary<string, string>
        {
            ["issuer"] = issuer.Address,
            ["jwks_uri"] = $"http://{request.Host}/jwks",
        }));
        set.app.MapGet("/jwks", () => Results.Text($"{{\"keys\":[{string.Join(',', all)}]}}", "application/json"));
        await set.app.StartAsync();
        set.Address = $"{set.app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()}/metadata";
        return set;
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();
}
