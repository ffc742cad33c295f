using System.Collections.Concurrent;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace AccessPlane.Agent.Gate;

/// <summary>
/// The published keys of the issuers that the control plane names, and the check of signatures with them. Kept while an issuer does not answer;
/// which issuers count is decided anew with every token.
/// </summary>
/// <param name="time">By which an issuer is waited for.</param>
public sealed class IssuerKeys(TimeProvider time) : IDisposable
{
    private readonly ConcurrentDictionary<(string Issuer, string Address), KeyRing<IReadOnlyList<JsonWebKey>>> rings = [];
    // INVARIANT: no cache. The library's own keeps signature checkers by key id alone: another issuer's key, or a withdrawn one, under the same id
    // would be taken for this one.
    private static readonly CryptoProviderFactory Crypto = new() { CacheSignatureProviders = false };

    /// <summary>For metadata and keys together: a login waits for them at most once in a while, and then not for long.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly JsonWebTokenHandler handler = new() { MaximumTokenSizeInBytes = Contracts.Identity.TokenReader.MaxLength };

    // a redirect would let the issuer's host point the agent at addresses of its own network
    private readonly HttpClient http = new(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
    {
        Timeout = Timeout.InfiniteTimeSpan, // whoever fetches has a patience of their own
        MaxResponseContentBufferSize = 1 << 20,
    };

    /// <summary>Whom a token speaks for, once its signature is its issuer's; null where it is not, or where nobody can tell.</summary>
    public async ValueTask<ValidToken?> Prove(UnverifiedToken token, DateTimeOffset now, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(token);
        var ring = rings.GetOrAdd((token.Issuer.Issuer, token.Issuer.Discovery()), _ => new KeyRing<IReadOnlyList<JsonWebKey>>(() => Fetch(token.Issuer)));
        await ring.Refresh(now, cancel);
        var keys = await ring.Find(all => Fitting(all, token).Count > 0, now, cancel);
        return keys is null ? null : token.ProvenBy(t => IsSigned(t, Fitting(keys, t)));
    }

    public void Dispose()
    {
        http.Dispose();
        foreach (var ring in rings.Values)
        {
            ring.Dispose();
        }
    }

    private bool IsSigned(UnverifiedToken token, List<JsonWebKey> fitting) => handler.ValidateToken(token.Compact, new TokenValidationParameters
    {
        ValidIssuer = token.Issuer.Issuer,
        ValidAudience = token.Issuer.Audience,
        RequireSignedTokens = true,
        IssuerSigningKeyResolver = (_, _, _, _) => fitting,
        CryptoProviderFactory = Crypto,
        ValidateLifetime = false, // the reader did, by the control plane's time
    }).IsValid;

    private async Task<IReadOnlyList<JsonWebKey>> Fetch(IssuerTerms issuer)
    {
        var documents = new HttpDocumentRetriever(http) { RequireHttps = !new Uri(issuer.Discovery()).IsLoopback };
        using var patience = new CancellationTokenSource(Patience, time);
        var metadata = await OpenIdConnectConfigurationRetriever.GetAsync(issuer.Discovery(), documents, patience.Token);
        return metadata.Issuer == issuer.Issuer
            ? [.. metadata.JsonWebKeySet?.Keys ?? []]
            : throw new InvalidOperationException($"the metadata of `{issuer.Issuer}` is that of another issuer");
    }

    private static List<JsonWebKey> Fitting(IReadOnlyList<JsonWebKey> keys, UnverifiedToken token) => PublishedKey.Fitting(keys, Published, token.Algorithm, token.KeyId);

    private static PublishedKey Published(JsonWebKey key) => new(key.Kid, key.Kty, key.Use, key.Alg, key.Crv, key.N, key.E);
}
