using System.Security.Claims;
using System.Text.Encodings.Web;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Identity;
using FluentValidation;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace AccessPlane.ControlPlane.Http;

public static class IdentityFeature
{
    public const string Scheme = "Bearer";

    public static IServiceCollection AddIdentity(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var options = configuration.Part<IdentityOptions>("Identity");
        new IdentityOptionsValidator().ValidateAndThrow(options);
        services.AddSingleton(new TrustedIssuers([.. options.Issuers.Select(i => i.Terms())]));
        services.AddSingleton(configuration.Part<RoleOptions>("Roles"));
        services.AddSingleton<IssuerKeys>();
        services.AddHostedService(s => s.GetRequiredService<IssuerKeys>());
        services.AddSingleton<TokenValidator>();
        // not AddAuthentication: it would keep keys for cookies, which there are none of, in the user's home
        services.AddAuthenticationCore(o =>
        {
            o.DefaultScheme = Scheme;
            o.AddScheme<BearerHandler>(Scheme, null);
        });
        services.AddTransient<BearerHandler>();
        services.AddWebEncoders();
        return services.AddAuthorization();
    }
}

/// <summary>OIDC access tokens as bearers (RFC 6750), in the Authorization header only.</summary>
internal sealed class BearerHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, TokenValidator validator, RoleOptions roles)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    private const string Prefix = "Bearer ";
    private Refusal? whyNot;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (Request.Headers.Authorization.Count == 0)
        {
            return AuthenticateResult.NoResult();
        }
        if (Request.Headers.Authorization is not [{ } header] || !header.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
        {
            return Refuse(new Refusal("unauthenticated", "send one `Authorization: Bearer` header with an access token"));
        }
        var verdict = await validator.Validate(header[Prefix.Length..].Trim(), TokenUse.Access, Context.RequestAborted);
        if (verdict.Token is not { } token)
        {
            return Refuse(verdict.Refusal!);
        }
        Context.Items[CallerOf.Key] = roles.CallerOf(token);
        var identity = new ClaimsIdentity([new Claim(ClaimTypes.NameIdentifier, token.Actor.ChainKey)], Scheme.Name);
        return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme.Name));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var refusal = whyNot ?? new Refusal("unauthenticated", "an access token is needed: send `Authorization: Bearer`");
        // RFC 6750 §3.1: no error is named to a caller who brought no token at all. Our texts have no quotes or control characters.
        Response.Headers.WWWAuthenticate = whyNot is null
            ? "Bearer realm=\"accessplane\""
            : $"Bearer realm=\"accessplane\", error=\"invalid_token\", error_description=\"{refusal.Detail.Replace('`', '\'')}\"";
        return Problems.Of(refusal).ExecuteAsync(Context);
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        Problems.Of("forbidden", "you may not do this").ExecuteAsync(Context);

    private AuthenticateResult Refuse(Refusal refusal)
    {
        whyNot = refusal;
        return AuthenticateResult.Fail(refusal.Detail);
    }
}
