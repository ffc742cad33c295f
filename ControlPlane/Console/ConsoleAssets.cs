using System.Collections.Frozen;
using System.IO.Compression;
using System.Reflection;
using System.Security.Cryptography;

namespace AccessPlane.ControlPlane.Console;

/// <summary>What a browser loads for the console, from inside this assembly and from nowhere else. An address holds the hash of what is there, so that it may
/// be kept for ever and never be of another version.</summary>
internal static class ConsoleAssets
{
    private const string Prefix = "console/";

    private sealed record Asset(string Path, string Type, byte[] Content, byte[] Compressed);

    private static readonly FrozenDictionary<string, string> Types = new Dictionary<string, string>
    {
        [".css"] = "text/css; charset=utf-8",
        [".js"] = "text/javascript; charset=utf-8",
        [".svg"] = "image/svg+xml",
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, Asset> All = Load().ToFrozenDictionary(a => a.Name, a => a.Asset);

    /// <summary>The address of an asset.</summary>
    public static string PathOf(string name) => All[name].Path;

    public static void Map(IEndpointRouteBuilder routes)
    {
        foreach (var asset in All.Values)
        {
            routes.MapGet(asset.Path, (HttpContext http) =>
            {
                http.Response.Headers.CacheControl = "public, max-age=31536000, immutable";
                http.Response.Headers.Vary = "Accept-Encoding";
                if (!http.Request.Headers.AcceptEncoding.ToString().Contains("br", StringComparison.Ordinal))
                {
                    return Results.Bytes(asset.Content, asset.Type);
                }
                http.Response.Headers.ContentEncoding = "br";
                return Results.Bytes(asset.Compressed, asset.Type);
            }).AllowAnonymous().ExcludeFromDescription();
        }
    }

    private static IEnumerable<(string Name, Asset Asset)> Load()
    {
        var assembly = Assembly.GetExecutingAssembly();
        foreach (var resource in assembly.GetManifestResourceNames().Where(n => n.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            using var stream = assembly.GetManifestResourceStream(resource)!;
            using var content = new MemoryStream();
            stream.CopyTo(content);
            var bytes = content.ToArray();
            var (name, hash) = (resource[Prefix.Length..], Convert.ToHexStringLower(SHA256.HashData(bytes))[..16]);
            yield return (name, new Asset($"/console/assets/{hash}/{name}", Types[Path.GetExtension(name)], bytes, Compress(bytes)));
        }
    }

    private static byte[] Compress(byte[] content)
    {
        using var compressed = new MemoryStream();
        using (var brotli = new BrotliStream(compressed, CompressionLevel.Optimal))
        {
            brotli.Write(content);
        }
        return compressed.ToArray();
    }
}
