using AccessPlane.ControlPlane.Console.SignIn;
using AccessPlane.ControlPlane.Http;
using Microsoft.AspNetCore.Authentication.OAuth;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.DataProtection;

namespace AccessPlane.ControlPlane.Console;

/// <summary>
/// The web console: pages that run here and are shown in a browser. It is a client of the API like any other, only that its calls need no network
/// (<see cref="ApiWithin"/>): what it may, and what is written down of it, is decided where the API decides it.
/// </summary>
public static class ConsoleFeature
{
    internal const string Cookie = "Console";
    private const string OpenId = "ConsoleSignIn";
    private static readonly AuthorizationPolicy IsSignedIn = new AuthorizationPolicyBuilder(Cookie).RequireAuthenticatedUser().Build();

    public static IServiceCollection AddConsole(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var options = ConsoleOptions.Of(configuration);
        services.AddSingleton(options);
        if (!options.IsOn)
        {
            return services;
        }
        AddSignIn(services, options, configuration);
        services.AddRazorComponents().AddInteractiveServerComponents()
            // a policy document is written in one field
            .AddHubOptions(hub => hub.MaximumReceiveMessageSize = LimitOptions.Of(configuration).PolicyBody + 65_536);
        services.AddSingleton<ApiWithin>().AddSingleton<LogNews>().AddHostedService(s => s.GetRequiredService<LogNews>());
        return services.AddScoped<SignedIn>().AddScoped<ConsoleApi>();
    }

    public static WebApplication MapConsole(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        if (!app.Services.GetRequiredService<ConsoleOptions>().IsOn)
        {
            return app;
        }
        app.Services.GetRequiredService<ApiWithin>().Way = app.FromWithin();
        app.UseOwnOrigin();
        app.UseAntiforgery();
        ConsoleAssets.Map(app);
        SignInEndpoints.Map(app, OpenId, IsSignedIn);
        EvidenceDownload.Map(app, IsSignedIn);
        app.MapGet("/console", () => Results.Redirect("/console/mine")).RequireAuthorization(IsSignedIn).ExcludeFromDescription();
        app.MapRazorComponents<App>()
            .AddInteractiveServerRenderMode(circuits =>
            {
                circuits.ContentSecurityFrameAncestorsPolicy = null; // SecurityHeaders says it, with the rest
                circuits.DisableWebSocketCompression = true; // what others can write stands beside tickets: compressed together, lengths would tell (CRIME)
            })
            .RequireAuthorization(IsSignedIn);
        return app;
    }

    private static void AddSignIn(IServiceCollection services, ConsoleOptions options, IConfiguration configuration)
    {
        var keys = Directory.CreateDirectory(Path.Combine(configuration["Keys:Path"] ?? "keys", "console"));
        if (!OperatingSystem.IsWindows())
        {
            keys.UnixFileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        }
        // the same folder for all replicas: what one has encrypted the others can read
        services.AddDataProtection().SetApplicationName("accessplane-console").PersistKeysToFileSystem(keys);
        services.AddLogging(log => log
            .AddFilter("Microsoft.AspNetCore.DataProtection.KeyManagement.XmlKeyManager", LogLevel.Error) // that nothing but the folder's mode protects the keys is known
            .AddFilter(typeof(OpenIdHandler).FullName, LogLevel.Warning)); // whom it sends to the issuer is no news
        services.AddSingleton<Provider>().AddSingleton<IdToken>().AddSingleton<Renewal>().AddTransient<SignedInCookie>();
        var https = configuration["PublicUrl"]?.StartsWith("https:", StringComparison.OrdinalIgnoreCase) == true;
        var secure = https ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
        services.AddAntiforgery(form => (form.Cookie.Name, form.Cookie.SecurePolicy) = (https ? "__Host-accessplane-form" : "accessplane-form", secure));
        services.AddAuthentication()
            .AddCookie(Cookie, cookie =>
            {
                // __Host-: set by this very host, for all of it, over https (RFC 6265bis)
                cookie.Cookie.Name = https ? "__Host-accessplane" : "accessplane";
                (cookie.Cookie.HttpOnly, cookie.Cookie.SameSite, cookie.Cookie.SecurePolicy, cookie.Cookie.Path) = (true, SameSiteMode.Lax, secure, "/");
                (cookie.ExpireTimeSpan, cookie.SlidingExpiration) = (options.SignInFor, false);
                cookie.ForwardChallenge = OpenId;
                cookie.EventsType = typeof(SignedInCookie);
            })
            .AddOAuth<OAuthOptions, OpenIdHandler>(OpenId, flow =>
            {
                (flow.ClientId, flow.ClientSecret, flow.SignInScheme, flow.CallbackPath) = (options.ClientId!, options.Secret, Cookie, "/console/signed-in");
                flow.AuthorizationEndpoint = flow.TokenEndpoint = options.Issuer!; // the issuer says: see OpenIdHandler
                flow.UsePkce = true;
                (flow.CorrelationCookie.SameSite, flow.CorrelationCookie.SecurePolicy) = (SameSiteMode.Lax, secure);
                flow.BackchannelHttpHandler = new SocketsHttpHandler { AllowAutoRedirect = false };
                flow.BackchannelTimeout = TimeSpan.FromSeconds(10);
                foreach (var scope in options.Scopes.Count > 0 ? options.Scopes : ["openid", "profile"])
                {
                    flow.Scope.Add(scope);
                }
                foreach (var (name, value) in options.Parameters)
                {
                    flow.AdditionalAuthorizationParameters[name] = value;
                }
                flow.Events.OnRemoteFailure = SignInEndpoints.Failed;
            });
    }
}
