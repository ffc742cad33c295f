using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace AccessPlane.ControlPlane.Http;

/// <summary>
/// Traces and metrics by OTLP, when `OTEL_EXPORTER_OTLP_ENDPOINT` says where to. The runtime, ASP.NET Core, Npgsql and MassTransit measure
/// themselves; what is ours has sources and meters whose names begin with `AccessPlane`.
/// </summary>
public static class TelemetryFeature
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    public static IServiceCollection AddTelemetry(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return string.IsNullOrWhiteSpace(configuration[Endpoint]) ? services : services.AddHostedService<Exporters>();
    }

    /// <summary>Lives as long as the host: what was gathered at its end is still sent.</summary>
    private sealed class Exporters(IConfiguration configuration) : IHostedService, IDisposable
    {
        private TracerProvider? traces;
        private MeterProvider? metrics;

        public Task StartAsync(CancellationToken cancellationToken)
        {
            var product = ResourceBuilder.CreateDefault()
                .AddService("accessplane-control-plane", serviceVersion: typeof(Exporters).Assembly.GetName().Version?.ToString(3));
            traces = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(product)
                .AddSource("AccessPlane*", "Microsoft.AspNetCore", "Npgsql", "MassTransit")
                .AddOtlpExporter(o => Configure(o, "traces"))
                .Build();
            metrics = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(product)
                .AddMeter("AccessPlane*", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "Microsoft.AspNetCore.RateLimiting", "System.Runtime", "Npgsql", "MassTransit")
                .AddOtlpExporter(o => Configure(o, "metrics"))
                .Build();
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken)
        {
            Dispose();
            return Task.CompletedTask;
        }

        public void Dispose()
        {
            traces?.Dispose();
            metrics?.Dispose();
            (traces, metrics) = (null, null);
        }

        /// <summary>The exporter reads the process's environment by itself; this has it read what the host is configured with.</summary>
        private void Configure(OtlpExporterOptions options, string signal)
        {
            var http = configuration["OTEL_EXPORTER_OTLP_PROTOCOL"] == "http/protobuf";
            options.Protocol = http ? OtlpExportProtocol.HttpProtobuf : OtlpExportProtocol.Grpc;
            // with an endpoint set in code the exporter does not append the signal's path
            options.Endpoint = new Uri(http ? $"{configuration[Endpoint]!.TrimEnd('/')}/v1/{signal}" : configuration[Endpoint]!);
        }
    }
}
