using System.Diagnostics;

namespace AccessPlane.ControlPlane.Http;

/// <summary>One id for everything that a call leads to: the W3C trace id where the caller sent one, so that logs, traces and events join up.</summary>
public static class CorrelationOf
{
    public const string Header = "X-Correlation-Id";
    private static readonly object Key = new();

    public static Guid Correlation(this HttpContext http)
    {
        ArgumentNullException.ThrowIfNull(http);
        if (http.Items.TryGetValue(Key, out var known))
        {
            return (Guid)known!;
        }
        var id = ActivityContext.TryParse(http.Request.Headers.TraceParent, null, out var sent) ? OfTrace(sent.TraceId)
            : Activity.Current is { } activity ? OfTrace(activity.TraceId)
            : Guid.CreateVersion7();
        http.Items[Key] = id;
        return id;
    }

    private static readonly Func<ILogger, Guid, IDisposable?> Scope = LoggerMessage.DefineScope<Guid>("correlation {CorrelationId}");

    private static Guid OfTrace(ActivityTraceId trace) => Guid.ParseExact(trace.ToHexString(), "N");

    /// <summary>Names the correlation id in every answer and in every log line of the call.</summary>
    internal static IApplicationBuilder UseCorrelation(this IApplicationBuilder app) => app.Use(async (http, next) =>
    {
        var id = http.Correlation();
        http.Response.Headers[Header] = id.ToString("D");
        var log = http.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger("AccessPlane.Http");
        using (Scope(log, id))
        {
            await next(http);
        }
        Name(Activity.Current, http, id);
    });

    /// <summary>The framework's own span says nothing of the call; these are OpenTelemetry's names for what it was.</summary>
    private static void Name(Activity? span, HttpContext http, Guid correlation)
    {
        if (span is null)
        {
            return;
        }
        var route = (http.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText;
        span.DisplayName = route is null ? http.Request.Method : $"{http.Request.Method} {route}";
        span.SetTag("http.request.method", http.Request.Method).SetTag("http.route", route).SetTag("url.path", http.Request.Path.Value)
            .SetTag("http.response.status_code", http.Response.StatusCode).SetTag("accessplane.correlation", correlation.ToString("D"));
        if (http.Response.StatusCode >= StatusCodes.Status500InternalServerError)
        {
            span.SetStatus(ActivityStatusCode.Error);
        }
    }
}
