using System.Text;
using AccessPlane.Contracts;
using AccessPlane.ControlPlane.Http;
using Microsoft.Net.Http.Headers;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>The text of a policy document from a call's body.</summary>
internal static class PolicyBody
{
    private static readonly string[] Types = ["application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"];
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>For the description of the API and the bound of the body.</summary>
    public static PolicyDocumentBody Accepted { get; } = new();

    public static async Task<(string? Text, Refusal? Refusal)> Read(HttpContext http, CancellationToken cancel)
    {
        if (!MediaTypeHeaderValue.TryParse(http.Request.ContentType, out var type) ||
            !Types.Contains(type.MediaType.Value, StringComparer.OrdinalIgnoreCase))
        {
            return (null, new Refusal("unsupported-media-type", "send the document as `application/yaml`"));
        }
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body, cancel);
        if (body.Length > YamlText.LongestText)
        {
            return (null, new Refusal("too-large", "the document is longer than 1 MiB"));
        }
        try
        {
            return (Strict.GetString(body.GetBuffer(), 0, (int)body.Length).TrimStart('\ufeff'), null);
        }
        catch (DecoderFallbackException)
        {
            return (null, new Refusal("invalid-policy", "the document is not UTF-8"));
        }
    }
}

/// <summary>Marks an endpoint whose body is a policy document.</summary>
public sealed class PolicyDocumentBody : ITakesDocument;
