using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Console;

/// <summary>
/// A circuit is opened by the console's own pages alone. A browser sends the cookie for the pages of a sibling host too (`SameSite` speaks of sites, not of
/// hosts), and asks nobody before it opens a web socket.
/// </summary>
internal static class OwnOrigin
{
    public static void UseOwnOrigin(this WebApplication app)
    {
        var known = Uri.TryCreate(app.Configuration["PublicUrl"], UriKind.Absolute, out var address) ? address.GetLeftPart(UriPartial.Authority) : null;
        app.Use((http, next) => !http.Request.Path.StartsWithSegments("/_blazor", StringComparison.OrdinalIgnoreCase) || IsOwn(http.Request, known)
            ? next(http)
            : Problems.Of("forbidden", "a page of another origin opens no circuit of the console: where this is its own address, an operator says so with `PublicUrl`").ExecuteAsync(http));
    }

    /// <summary>Every browser says where a page is from; what says nothing is none, and has no cookie but the one it was given.</summary>
    private static bool IsOwn(HttpRequest request, string? known) => request.Headers.Origin.Count == 0 ||
        (request.Headers.Origin is [{ } origin] && (Is(origin, known) || Is(origin, $"{request.Scheme}://{request.Host}")));

    private static bool Is(string origin, string? own) => string.Equals(origin, own, StringComparison.OrdinalIgnoreCase);
}
