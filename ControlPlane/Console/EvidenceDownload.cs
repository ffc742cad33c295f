using AccessPlane.ControlPlane.Console.SignIn;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authorization;

namespace AccessPlane.ControlPlane.Console;

/// <summary>Evidence as a file. A circuit cannot give one, so the browser fetches it: by a form of the page's own, because what is taken away is recorded in
/// somebody's name, and another site's link must not do that.</summary>
internal static class EvidenceDownload
{
    private static readonly string[] Asked = ["request", "session", "from", "to", "resource"];

    public static void Map(IEndpointRouteBuilder routes, AuthorizationPolicy signedIn) => routes
        .MapPost("/console/evidence/pack", async (HttpContext http, IAntiforgery forms, ApiWithin api, TimeProvider clock, CancellationToken cancel) =>
        {
            if (!await forms.IsRequestValidAsync(http))
            {
                http.Response.StatusCode = StatusCodes.Status400BadRequest;
                return;
            }
            var form = await http.Request.ReadFormAsync(cancel);
            var page = form["form"] == "html";
            var query = QueryString.Create(Asked.Where(a => !string.IsNullOrWhiteSpace(form[a])).Select(a => KeyValuePair.Create(a, (string?)form[a].ToString().Trim())));
            var call = new ApiCall("GET", $"/v1/audit/evidence{query}", SignedInCookie.TokenOf(http.User)!, Accept: page ? "text/html" : null);
            await api.Call(call, reply =>
            {
                (http.Response.StatusCode, http.Response.ContentType) = (reply.Status, reply.ContentType);
                http.Response.Headers.CacheControl = "no-store";
                http.Response.Headers.ContentDisposition = $"attachment; filename=\"evidence-{clock.GetUtcNow():yyyyMMdd-HHmmss}.{(page ? "html" : "json")}\"";
                return http.Response.Body;
            }, cancel);
        })
        .RequireAuthorization(signedIn).ExcludeFromDescription();
}
