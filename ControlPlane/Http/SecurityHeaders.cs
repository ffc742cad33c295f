using System.Globalization;

namespace AccessPlane.ControlPlane.Http;

/// <summary>What every answer tells browsers and caches, refusals too: nothing is guessed, framed, scripted or kept.</summary>
internal static class SecurityHeaders
{
    private const string Nothing = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

    /// <summary>The page that shows the API brings its own scripts and sets styles on its elements.</summary>
    private const string Page =
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

    /// <summary>The console: its own scripts and styles, nothing inline, nothing from elsewhere; its circuit is a web socket of the same origin.</summary>
    private const string Console =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'";

    private static readonly string Year = string.Create(CultureInfo.InvariantCulture, $"max-age={(int)TimeSpan.FromDays(365).TotalSeconds}");

    public static IApplicationBuilder UseSecurityHeaders(this IApplicationBuilder app) => app.Use((http, next) =>
    {
        // as the answer starts: whatever clears or replaces it before then does not take them away
        http.Response.OnStarting(Set, http);
        return next(http);
    });

    private static Task Set(object state)
    {
        var http = (HttpContext)state;
        var headers = http.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        if (headers.ContentSecurityPolicy.Count == 0) // a page of its own knows what it needs
        {
            headers.ContentSecurityPolicy = IsBelow(http, "/docs") ? Page : IsBelow(http, "/console") ? Console : Nothing;
        }
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        if (IsBelow(http, "/v1"))
        {
            // tickets, statements, people: nothing here is for a cache, whoever it belongs to
            headers.CacheControl = "no-store";
        }
        if (http.Request.IsHttps)
        {
            headers.StrictTransportSecurity = Year;
        }
        return Task.CompletedTask;
    }

    private static bool IsBelow(HttpContext http, string path) => http.Request.Path.StartsWithSegments(path, StringComparison.OrdinalIgnoreCase);
}
