using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AccessPlane.ControlPlane.Console.SignIn;

/// <summary>In, out, and on: where the browser is sent, and whence the console's script has a circuit's token renewed.</summary>
internal static class SignInEndpoints
{
    /// <summary>How long what the browser carries from here to its circuit is good for.</summary>
    private static readonly TimeSpan Carried = TimeSpan.FromMinutes(1);

    public static void Map(WebApplication app, string signIn, AuthorizationPolicy signedIn)
    {
        app.MapGet("/console/sign-in", (string? to, bool? again) =>
        {
            var properties = new AuthenticationProperties { RedirectUri = Local(to) };
            if (again == true)
            {
                properties.Items[OpenIdHandler.Again] = "";
            }
            return Results.Challenge(properties, [signIn]);
        }).AllowAnonymous().ExcludeFromDescription();

        app.MapPost("/console/sign-out", async (HttpContext http, IAntiforgery forms, Renewal renewal, CancellationToken cancel) =>
        {
            if (!await forms.IsRequestValidAsync(http))
            {
                return Results.BadRequest();
            }
            await renewal.GiveBack((await http.AuthenticateAsync(ConsoleFeature.Cookie)).Properties, cancel);
            await http.SignOutAsync(ConsoleFeature.Cookie);
            return Results.Redirect("/console/signed-out");
        }).RequireAuthorization(signedIn).ExcludeFromDescription();

        app.MapPost("/console/renew", async (HttpContext http, IAntiforgery forms, Renewal renewal, IDataProtectionProvider protection, CancellationToken cancel) =>
        {
            if (!await forms.IsRequestValidAsync(http))
            {
                return Results.BadRequest();
            }
            var now = await http.AuthenticateAsync(ConsoleFeature.Cookie);
            if (await renewal.Renew(now.Principal, now.Properties!, cancel) is not { } renewed)
            {
                return Results.Unauthorized();
            }
            await http.SignInAsync(ConsoleFeature.Cookie, renewed, now.Properties);
            // the page's script hands it to its circuit, and can read nothing of it
            return Results.Text(Carrier(protection).Protect(SignedInCookie.TokenOf(renewed)!, Carried));
        }).RequireAuthorization(signedIn).ExcludeFromDescription();

        app.MapGet("/console/signed-out", () => new RazorComponentResult<SignedOut>()).AllowAnonymous().ExcludeFromDescription();
        app.MapGet("/console/sign-in-failed", () => new RazorComponentResult<SignedOut>(new { Failed = true }) { StatusCode = StatusCodes.Status403Forbidden })
            .AllowAnonymous().ExcludeFromDescription();
    }

    /// <summary>Why is in the log; a page that repeated it would say to a stranger how to do better.</summary>
    public static Task Failed(RemoteFailureContext context)
    {
        context.Response.Redirect("/console/sign-in-failed");
        context.HandleResponse();
        return Task.CompletedTask;
    }

    internal static ITimeLimitedDataProtector Carrier(IDataProtectionProvider protection) =>
        protection.CreateProtector("accessplane.console.renewed").ToTimeLimitedDataProtector();

    /// <summary>A page of the console; whatever else was asked for would lead people elsewhere with our name on it.</summary>
    internal static string Local(string? to) =>
        to is not null && to.StartsWith("/console/", StringComparison.Ordinal) && Uri.TryCreate(to, UriKind.Relative, out _) && !to.Contains('\\', StringComparison.Ordinal) ? to : "/console/mine";
}
