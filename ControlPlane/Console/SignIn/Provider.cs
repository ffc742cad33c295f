using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace AccessPlane.ControlPlane.Console.SignIn;

/// <summary>Where people sign in: the addresses of the issuer's metadata, read when they are needed and again after an hour, because an issuer may start
/// after us and may move.</summary>
internal sealed class Provider(Http.TrustedIssuers issuers, ConsoleOptions options, TimeProvider clock) : IDisposable
{
    private static readonly TimeSpan Kept = TimeSpan.FromHours(1);
    private readonly SemaphoreSlim one = new(1, 1);
    private (OpenIdConnectConfiguration Metadata, DateTimeOffset At)? known;

    /// <summary>Whatever asks the issuer goes this way: no redirects, which would lead it anywhere, and no endless waiting.</summary>
    public HttpClient Http { get; } = new(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
    {
        Timeout = TimeSpan.FromSeconds(10),
        MaxResponseContentBufferSize = 1024 * 1024,
    };

    public Contracts.Messages.IssuerTerms Terms { get; } = issuers.All.Single(i => i.Issuer == options.Issuer);

    public async Task<OpenIdConnectConfiguration> Metadata(CancellationToken cancel)
    {
        await one.WaitAsync(cancel);
        try
        {
            var now = clock.GetUtcNow();
            if (known is not { } kept || now - kept.At >= Kept)
            {
                known = kept = (await Fetch(cancel), now);
            }
            return kept.Metadata;
        }
        finally
        {
            one.Release();
        }
    }

    private async Task<OpenIdConnectConfiguration> Fetch(CancellationToken cancel)
    {
        var address = Terms.Discovery();
        var documents = new HttpDocumentRetriever(Http) { RequireHttps = !new Uri(address).IsLoopback };
        var metadata = await OpenIdConnectConfigurationRetriever.GetAsync(address, documents, cancel);
        return metadata.Issuer != Terms.Issuer ? throw new InvalidOperationException($"the metadata at `{address}` is that of another issuer, `{metadata.Issuer}`")
            : string.IsNullOrEmpty(metadata.AuthorizationEndpoint) || string.IsNullOrEmpty(metadata.TokenEndpoint)
                ? throw new InvalidOperationException($"the metadata at `{address}` names no `authorization_endpoint` or no `token_endpoint`: nobody can sign in there")
                : metadata;
    }

    public void Dispose()
    {
        Http.Dispose();
        one.Dispose();
    }
}
