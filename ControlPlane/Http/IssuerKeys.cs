using System.Collections.Frozen;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace AccessPlane.ControlPlane.Http;

/// <summary>
/// The published keys of each trusted issuer, by OpenID discovery. ConfigurationManager is not used, only the retriever under it: it reads the
/// wall clock by itself and keeps the keys of an issuer that does not answer for ever.
/// </summary>
public sealed partial class IssuerKeys : BackgroundService
{
    private static readonly TimeSpan Look = TimeSpan.FromMinutes(1);

    /// <summary>For metadata and keys together.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private readonly FrozenDictionary<string, KeyRing<IReadOnlyList<JsonWebKey>>> rings;
    private readonly TimeProvider clock;
    private readonly ILogger<IssuerKeys> log;
    private readonly HttpClient http;

    public IssuerKeys(TrustedIssuers issuers, TimeProvider clock, ILogger<IssuerKeys> log)
    {
        ArgumentNullException.ThrowIfNull(issuers);
        (this.clock, this.log) = (clock, log);
        // a redirect would let the issuer's host point the control plane at addresses of its own network
        http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
        {
            Timeout = Patience,
            MaxResponseContentBufferSize = 1024 * 1024,
        };
        rings = issuers.All.ToFrozenDictionary(i => i.Issuer, i => new KeyRing<IReadOnlyList<JsonWebKey>>(() => Fetch(i)));
    }

    /// <summary>The issuer's keys that the token could be signed with; empty where it has none. Null while nothing is known of the issuer's keys.</summary>
    public ValueTask<IReadOnlyList<JsonWebKey>?> Find(UnverifiedToken token, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(token);
        return Find(token.Issuer.Issuer, token.Algorithm, token.KeyId, cancel);
    }

    /// <summary>The same for a token of another kind.</summary>
    internal async ValueTask<IReadOnlyList<JsonWebKey>?> Find(string issuer, string algorithm, string? keyId, CancellationToken cancel)
    {
        var ring = rings[issuer];
        var keys = await ring.Find(all => Fitting(all, algorithm, keyId).Count > 0, clock.GetUtcNow(), cancel);
        return keys is not null ? Fitting(keys, algorithm, keyId) : ring.Ready(clock.GetUtcNow()) ? [] : null;
    }

    public override void Dispose()
    {
        base.Dispose();
        http.Dispose();
        foreach (var ring in rings.Values)
        {
            ring.Dispose();
        }
    }

    /// <summary>Refreshes in the background: what an issuer removed is forgotten within the hour.</summary>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Look, clock);
        do
        {
            await Task.WhenAll(rings.Select(r => Refresh(r.Key, r.Value, stoppingToken))); // none waits for another that takes its time
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task Refresh(string issuer, KeyRing<IReadOnlyList<JsonWebKey>> ring, CancellationToken stopping)
    {
        var before = ring.LastFailure;
        await ring.Refresh(clock.GetUtcNow(), stopping);
        if (ring.LastFailure is { } failure && failure != before)
        {
            LogUnreachable(issuer, failure);
        }
    }

    private async Task<IReadOnlyList<JsonWebKey>> Fetch(IssuerTerms issuer)
    {
        var address = issuer.Discovery();
        var documents = new HttpDocumentRetriever(http) { RequireHttps = !new Uri(address).IsLoopback };
        using var patience = new CancellationTokenSource(Patience);
        var metadata = await OpenIdConnectConfigurationRetriever.GetAsync(address, documents, patience.Token);
        return metadata.Issuer == issuer.Issuer
            ? [.. metadata.JsonWebKeySet?.Keys ?? []]
            : throw new InvalidOperationException($"the metadata at `{address}` is that of another issuer, `{metadata.Issuer}`");
    }

    private static List<JsonWebKey> Fitting(IReadOnlyList<JsonWebKey> keys, string algorithm, string? keyId) => PublishedKey.Fitting(keys, Published, algorithm, keyId);

    private static PublishedKey Published(JsonWebKey key) => new(key.Kid, key.Kty, key.Use, key.Alg, key.Crv, key.N, key.E);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the keys of issuer `{Issuer}` could not be fetched")]
    private partial void LogUnreachable(string issuer, Exception failure);
}
