using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.SignIn;

/// <summary>What `GET /v1/sign-in` says.</summary>
internal sealed record SignInTerms(
    string Issuer, string MetadataAddress, string ClientId, IReadOnlyList<string> Scopes, IReadOnlyDictionary<string, string> Parameters);

internal sealed record IssuerMetadata(
    [property: JsonPropertyName("issuer")] string Issuer,
    [property: JsonPropertyName("token_endpoint")] string TokenEndpoint,
    [property: JsonPropertyName("device_authorization_endpoint")] string? DeviceEndpoint);

/// <summary>RFC 8628 §3.2.</summary>
internal sealed record DeviceCode(
    [property: JsonPropertyName("device_code")] string Code,
    [property: JsonPropertyName("user_code")] string UserCode,
    [property: JsonPropertyName("verification_uri")] string VerificationUri,
    [property: JsonPropertyName("verification_uri_complete")] string? VerificationUriComplete,
    [property: JsonPropertyName("expires_in")] int ExpiresIn,
    [property: JsonPropertyName("interval")] int? Interval);

internal sealed record TokenAnswer(
    [property: JsonPropertyName("access_token")] string? AccessToken,
    [property: JsonPropertyName("refresh_token")] string? RefreshToken,
    [property: JsonPropertyName("expires_in")] int? ExpiresIn,
    [property: JsonPropertyName("error")] string? Error,
    [property: JsonPropertyName("error_description")] string? Description);

/// <summary>The identity provider that the control plane trusts, as a public client sees it.</summary>
internal sealed class Issuer(HttpClient http)
{
    public async Task<SignInTerms> Terms(Uri controlPlane, CancellationToken cancel)
    {
        var at = new Uri(controlPlane, "v1/sign-in");
        using var response = await Reached.Or(controlPlane, () => http.GetAsync(at, cancel), cancel);
        if (!response.IsSuccessStatusCode)
        {
            throw (int)response.StatusCode == 404
                ? new StopException(
                    Exit.NotFound, $"`{controlPlane}` names no client for command lines",
                    "an admin can set `CommandLine:ClientId`; or bring an access token of your own in ACCESSPLANE_TOKEN or with `--token-file`")
                : Problem.Of((int)response.StatusCode, await response.Content.ReadAsStringAsync(cancel));
        }
        return await Read<SignInTerms>(response, at, cancel);
    }

    public async Task<IssuerMetadata> Metadata(SignInTerms terms, CancellationToken cancel)
    {
        var at = Address.Of(terms.MetadataAddress, "the issuer's metadata address");
        var document = new Uri(at.AbsoluteUri.TrimEnd('/'));
        using var response = await Reached.Or(at, () => http.GetAsync(document, cancel), cancel);
        var metadata = await Read<IssuerMetadata>(response, document, cancel);
        // RFC 8414 §3.3: otherwise anybody's metadata would do
        return metadata.Issuer == terms.Issuer
            ? metadata
            : throw new StopException(Exit.Refused, $"the metadata at `{document}` is that of another issuer, `{metadata.Issuer}`", "tell whoever runs the control plane");
    }

    public async Task<DeviceCode> Begin(SignInTerms terms, IssuerMetadata metadata, CancellationToken cancel)
    {
        if (metadata.DeviceEndpoint is null)
        {
            throw new StopException(Exit.Refused, $"`{terms.Issuer}` has no device authorization grant", "bring an access token in ACCESSPLANE_TOKEN or with `--token-file`");
        }
        var at = Address.Of(metadata.DeviceEndpoint, "the issuer's device endpoint");
        using var form = Form(terms.Parameters, ("client_id", terms.ClientId), ("scope", string.Join(' ', terms.Scopes)));
        using var response = await Reached.Or(at, () => http.PostAsync(new Uri(at.AbsoluteUri.TrimEnd('/')), form, cancel), cancel);
        if (response.IsSuccessStatusCode)
        {
            return await Read<DeviceCode>(response, at, cancel);
        }
        var refused = await Read<TokenAnswer>(response, at, cancel);
        throw new StopException(Exit.Refused, $"`{terms.Issuer}` does not begin a sign-in: {refused.Description ?? refused.Error}", "tell whoever runs the control plane");
    }

    /// <summary>Asks for tokens. What is refused is in the answer: some of it is to be tried again.</summary>
    public async Task<TokenAnswer> Tokens(Uri endpoint, IReadOnlyDictionary<string, string> parameters, CancellationToken cancel, params (string Name, string Value)[] fields)
    {
        using var form = Form(parameters, fields);
        using var response = await Reached.Or(endpoint, () => http.PostAsync(endpoint, form, cancel), cancel);
        return await Read<TokenAnswer>(response, endpoint, cancel);
    }

    private static FormUrlEncodedContent Form(IReadOnlyDictionary<string, string> parameters, params (string Name, string Value)[] fields) =>
        new([.. parameters, .. fields.Select(f => KeyValuePair.Create(f.Name, f.Value))]);

    private static async Task<T> Read<T>(HttpResponseMessage response, Uri at, CancellationToken cancel)
    {
        try
        {
            return (await response.Content.ReadFromJsonAsync<T>(Json.Options, cancel))!;
        }
        catch (Exception bad) when (bad is JsonException or NotSupportedException)
        {
            throw new StopException(Exit.Unreachable, $"`{at}` answers {(int)response.StatusCode} with something else than was asked for", "check the address", null, bad);
        }
    }
}
