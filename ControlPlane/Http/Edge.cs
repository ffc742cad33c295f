using System.Net;
using System.Text.Json.Serialization;
using AccessPlane.Contracts;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace AccessPlane.ControlPlane.Http;

/// <summary>What holds for every call: limits, the JSON dialect, problems, correlation.</summary>
public static class EdgeFeature
{
    private static readonly TimeSpan BodyGrace = TimeSpan.FromSeconds(5);

    public static WebApplicationBuilder AddEdge(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var limits = LimitOptions.Of(builder.Configuration);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = Math.Max(limits.Body, limits.PolicyBody);
            kestrel.Limits.MaxConcurrentConnections = limits.Connections;
            kestrel.Limits.RequestHeadersTimeout = limits.Headers;
            kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(limits.BodyRate, BodyGrace);
            kestrel.Limits.KeepAliveTimeout = limits.Idle;
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
        builder.Services.AddSingleton(limits);
        builder.Services.AddRateLimits(limits);
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
        app.UseSecurityHeaders();
        app.UseTrustedProxies();
        app.UseCorrelation();
        app.UseMiddleware<Errors>();
        app.UseRouting(); // after Errors, so that what routing refuses is explained too
        app.UseRateLimiter(); // before any token is looked at
        app.UseCalls();
        return app;
    }

    /// <summary>The way of a call that comes from within this process, to what is mapped by then: the same, but for what concerns connections and addresses.</summary>
    internal static RequestDelegate FromWithin(this WebApplication app)
    {
        var within = ((IApplicationBuilder)app).New();
        within.UseCorrelation();
        within.UseMiddleware<Errors>();
        within.UseRouting();
        within.UseCalls();
        within.UseEndpoints(routes =>
        {
            foreach (var source in ((IEndpointRouteBuilder)app).DataSources)
            {
                routes.DataSources.Add(source);
            }
        });
        return within.Build();
    }

    private static void UseCalls(this IApplicationBuilder app)
    {
        app.UseMiddleware<BodySize>();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseMiddleware<StrictQuery>();
        app.UseMiddleware<Idempotency>();
    }

    /// <summary>Behind a proxy everybody would have its address, and no connection would be https.</summary>
    private static void UseTrustedProxies(this WebApplication app)
    {
        var trusted = app.Services.GetRequiredService<LimitOptions>().TrustedProxies;
        if (trusted.Count == 0)
        {
            return;
        }
        var options = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto,
            ForwardLimit = null, // back to the first address that nobody vouches for
        };
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var address in trusted)
        {
            options.KnownProxies.Add(IPAddress.Parse(address));
        }
        app.UseForwardedHeaders(options);
    }
}
