using System.Text.Json.Serialization;
using AccessPlane.Contracts;

namespace AccessPlane.ControlPlane.Http;

/// <summary>What holds for every call: limits, the JSON dialect, problems, correlation.</summary>
public static class EdgeFeature
{
    private const int MaxBody = 1024 * 1024;

    public static WebApplicationBuilder AddEdge(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxBody;
        });
        builder.Logging.Configure(o => o.ActivityTrackingOptions = ActivityTrackingOptions.None); // one id is enough to find a call by
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning).AddSimpleConsole(console =>
        {
            console.IncludeScopes = true; // the correlation id
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z' ";
        });
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<Once>();
        builder.Services.ConfigureHttpJsonOptions(http =>
        {
            Json.Configure(http.SerializerOptions);
            http.SerializerOptions.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
            http.SerializerOptions.AllowDuplicateProperties = false;
            http.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
            http.SerializerOptions.RespectNullableAnnotations = true;
        });
        builder.Services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        return builder;
    }

    public static WebApplication UseEdge(this WebApplication app)
    {
        app.UseCorrelation();
        app.UseMiddleware<Errors>();
        app.UseRouting(); // after Errors, so that what routing refuses is explained too
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseMiddleware<StrictQuery>();
        app.UseMiddleware<Idempotency>();
        return app;
    }

    /// <summary>The group that all features map into: every endpoint needs a caller unless it says `AllowAnonymous`.</summary>
    public static RouteGroupBuilder MapV1(this IEndpointRouteBuilder routes) => routes.MapGroup("/v1").RequireAuthorization();
}
