using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace AccessPlane.Tests.Integration.Console;

/// <summary>Where people reach the console over https, its cookies go nowhere else.</summary>
public sealed class CookieTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Over_https_every_cookie_is_for_https_alone_and_for_this_very_host()
    {
        await using var host = await ControlPlaneHost.Start(settings: ["--Console:ClientId=console", "--Console:ClientSecret=a-secret-of-the-console"]);
        var signedIn = host.Services.GetRequiredService<IOptionsMonitor<CookieAuthenticationOptions>>().Get("Console").Cookie;
        Assert.Equal(
            ("__Host-accessplane", CookieSecurePolicy.Always, true, SameSiteMode.Lax, "/", null),
            (signedIn.Name, signedIn.SecurePolicy, signedIn.HttpOnly, signedIn.SameSite, signedIn.Path, signedIn.Domain));
        var form = host.Services.GetRequiredService<IOptions<AntiforgeryOptions>>().Value.Cookie;
        Assert.Equal(("__Host-accessplane-form", CookieSecurePolicy.Always), (form.Name, form.SecurePolicy));

        using var browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = host.Address };
        using var answer = await browser.GetAsync(new Uri("/console/mine", UriKind.Relative), Cancel);
        var set = answer.Headers.GetValues("Set-Cookie").ToList();
        Assert.NotEmpty(set);
        Assert.All(set, c => Assert.Matches("; secure(;|$)", c));
        Assert.All(set, c => Assert.Matches("; httponly(;|$)", c));
    }
}
