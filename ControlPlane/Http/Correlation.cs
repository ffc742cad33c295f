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
    });
}
