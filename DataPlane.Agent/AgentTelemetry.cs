using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace AccessPlane.Agent;

/// <summary>Metrics and traces by OTLP.</summary>
internal sealed class AgentTelemetry : IDisposable
{
    private readonly MeterProvider metrics;
    private readonly TracerProvider traces;

    private AgentTelemetry(AgentConfig config, string endpoint, bool http)
    {
        metrics = Sdk.CreateMeterProviderBuilder().ConfigureResource(Name).AddMeter(AgentMeter.Name, "System.Runtime").AddOtlpExporter(o => To(o, "metrics")).Build();
        traces = Sdk.CreateTracerProviderBuilder().ConfigureResource(Name).AddSource(AgentTrace.Name).AddOtlpExporter(o => To(o, "traces")).Build();

        void Name(ResourceBuilder resource) => resource.AddService("accessplane-agent", serviceInstanceId: config.Id);

        void To(OtlpExporterOptions options, string signal)
        {
            options.Protocol = http ? OtlpExportProtocol.HttpProtobuf : OtlpExportProtocol.Grpc;
            // with an endpoint set in code the exporter does not append the signal's path
            options.Endpoint = new Uri(http ? $"{endpoint.TrimEnd('/')}/v1/{signal}" : endpoint);
        }
    }

    /// <summary>To the collector that OTEL_EXPORTER_OTLP_ENDPOINT names; none where it names none.</summary>
    public static AgentTelemetry? Start(AgentConfig config, Func<string, string?> environment) =>
        environment("OTEL_EXPORTER_OTLP_ENDPOINT") is { Length: > 0 } endpoint
            ? new AgentTelemetry(config, endpoint, environment("OTEL_EXPORTER_OTLP_PROTOCOL") == "http/protobuf")
            : null;

    public void Dispose()
    {
        traces.Dispose();
        metrics.Dispose();
    }
}
