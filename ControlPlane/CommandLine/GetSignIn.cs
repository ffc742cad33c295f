using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.CommandLine;

/// <summary>Where a command line signs its person in. Whoever asks has no token yet, and learns nothing that the issuer's own pages do not tell.</summary>
public static class GetSignIn
{
    internal static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/sign-in", Answer).AllowAnonymous()
        .WithName("GetSignIn").WithSummary("Where a command line signs its person in: the issuer, the public client and what to ask it for")
        .Produces<SignInAnswer>();

    private static IResult Answer(CommandLineOptions options, TrustedIssuers issuers)
    {
        if (options.ClientId is not { Length: > 0 } client)
        {
            return Problems.NotFound("no client for command lines is named here (`CommandLine:ClientId`): bring an access token of your own");
        }
        var terms = issuers.All.Single(i => i.Issuer == options.Issuer);
        return Results.Ok(new SignInAnswer(
            terms.Issuer, terms.Discovery(), client,
            options.Scopes.Count > 0 ? [.. options.Scopes] : ["openid", "profile", "offline_access"], options.Parameters.AsReadOnly()));
    }
}

/// <param name="Issuer">Exactly as its metadata and its tokens have it.</param>
/// <param name="ClientId">Without a secret, with the device authorization grant (RFC 8628).</param>
/// <param name="Parameters">What the issuer wants to hear besides to give a token for this API.</param>
public sealed record SignInAnswer(
    string Issuer, string MetadataAddress, string ClientId, IReadOnlyList<string> Scopes, IReadOnlyDictionary<string, string> Parameters);
