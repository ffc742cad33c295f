using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AccessPlane.Tests.Integration.Http;

/// <summary>What leaves by OTLP, seen by a collector that only looks for names.</summary>
public sealed class TelemetryTests
{
    [Fact]
    public async Task Spans_and_metrics_reach_a_collector()
    {
        var (traces, metrics) = (new ConcurrentQueue<byte[]>(), new ConcurrentQueue<byte[]>());
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var collector = builder.Build();
        collector.MapPost("/v1/traces", http => Take(http, traces));
        collector.MapPost("/v1/metrics", http => Take(http, metrics));
        await collector.StartAsync(TestContext.Current.CancellationToken);
        var address = collector.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

        var host = await ControlPlaneHost.Start(settings: [$"--OTEL_EXPORTER_OTLP_ENDPOINT={address}", "--OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"]);
        await host.Publish(SharedControlPlane.Policy);
        await host.Get("/v1/requests");
        await host.DisposeAsync(); // what was gathered is sent at the end

        Assert.Contains("accessplane-control-plane", Text(traces), StringComparison.Ordinal);
        Assert.Contains("PUT /v1/policies", Text(traces), StringComparison.Ordinal);
        Assert.Contains("postgresql", Text(traces), StringComparison.Ordinal);
        Assert.Contains("http.server.request.duration", Text(metrics), StringComparison.Ordinal);

        static string Text(IEnumerable<byte[]> bodies) => string.Concat(bodies.Select(Encoding.Latin1.GetString));

        static async Task Take(HttpContext http, ConcurrentQueue<byte[]> into)
        {
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body);
            into.Enqueue(body.ToArray());
        }
    }
}
