namespace AccessPlane.ControlPlane.Http;

/// <summary>What all features stand on: settings that lie in files, the edge, who calls, and what the process tells of itself.</summary>
public static class HttpFeature
{
    /// <summary>Comes before all others: what they read of the configuration may lie in a file.</summary>
    public static WebApplicationBuilder AddHttp(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.AddSecretFiles();
        builder.AddEdge();
        builder.Services
            .AddIdentity(builder.Configuration)
            .AddHealth()
            .AddApiDescription()
            .AddTelemetry(builder.Configuration);
        return builder;
    }

    /// <returns>The group that all features map into: every endpoint needs a caller unless it says `AllowAnonymous`.</returns>
    public static RouteGroupBuilder MapHttp(this WebApplication app)
    {
        app.UseEdge();
        app.MapHealth();
        app.MapApiDescription();
        return app.MapGroup("/v1").RequireAuthorization();
    }
}
