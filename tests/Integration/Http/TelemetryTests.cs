using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using AccessPlane.Agent.Recording;
using AccessPlane.Tests.Integration.Agents;
using AccessPlane.Tests.Integration.Wire;
using AccessPlane.Tests.Unit.Agent;
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
public sealed class TelemetryTests : IAsyncLifetime
{
    private readonly ConcurrentQueue<byte[]> traces = new();
    private readonly ConcurrentQueue<byte[]> metrics = new();
    private WebApplication collector = null!;
    private string address = "";

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        collector = builder.Build();
        collector.MapPost("/v1/traces", http => Take(http, traces));
        collector.MapPost("/v1/metrics", http => Take(http, metrics));
        await collector.StartAsync(TestContext.Current.CancellationToken);
        address = collector.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

        static async Task Take(HttpContext http, ConcurrentQueue<byte[]> into)
        {
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body);
            into.Enqueue(body.ToArray());
        }
    }

    public ValueTask DisposeAsync() => collector.DisposeAsync();

    private static string Text(IEnumerable<byte[]> bodies) => string.Concat(bodies.Select(Encoding.Latin1.GetString));

    [Fact]
    public void How_long_a_revocation_took_to_cut_reaches_a_collector()
    {
        var world = new AgentWorld();
        using var state = new StateFolder();
        using var spool = new Spool(state.Path, SpoolLimits.Standard, (_, key) => key, TimeProvider.System);
        var settings = new Dictionary<string, string?> { ["OTEL_EXPORTER_OTLP_ENDPOINT"] = address, ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf" };
        var config = new AccessPlane.Agent.AgentConfig("orders-agent", "http://127.0.0.1:1", state.Path, "http://127.0.0.1:1", []);
        Assert.Null(AccessPlane.Agent.AgentTelemetry.Start(config, _ => null));
        using (AccessPlane.Agent.AgentTelemetry.Start(config, settings.GetValueOrDefault)!)
        {
            AccessPlane.Agent.AgentMeter.Watch(world.InForce, world.Live, spool);
            var grant = world.Granted(TimeSpan.FromHours(1));
            var permit = world.Admit(grant);
            world.Live.CutGrant(grant.Grant, "revoked", "revoked by dba", world.Time.GetTimestamp());
            world.Time.Advance(TimeSpan.FromMilliseconds(42));
            permit.Dispose();
        } // what was gathered is sent at the end
        var sent = Text(metrics);
        Assert.Contains("accessplane-agent", sent, StringComparison.Ordinal);
        Assert.Contains("orders-agent", sent, StringComparison.Ordinal);
        Assert.Contains("accessplane.revocation.cut", sent, StringComparison.Ordinal);
        Assert.Contains("revoked", sent, StringComparison.Ordinal);
        Assert.Contains(Encoding.Latin1.GetString(BitConverter.GetBytes(42.0)), sent, StringComparison.Ordinal); // the histogram's sum
    }

    [Fact]
    public async Task A_span_of_every_login_and_of_every_session_reaches_a_collector_and_none_of_a_statement()
    {
        var settings = new Dictionary<string, string?> { ["OTEL_EXPORTER_OTLP_ENDPOINT"] = address, ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf" };
        var config = new AccessPlane.Agent.AgentConfig("orders-agent", "http://127.0.0.1:1", "", "http://127.0.0.1:1", []);
        string session, grant;
        using (AccessPlane.Agent.AgentTelemetry.Start(config, settings.GetValueOrDefault)!)
        {
            await using var agent = await WireAgent.Start();
            grant = $"{agent.Grant.Grant}";
            using (var client = await agent.Connect())
            {
                await client.StillWorks();
                await client.Send(RawClient.Terminate);
                Assert.Null(await client.Read());
            }
            using (var stranger = await RawClient.Dial(agent.Port))
            {
                await Assert.ThrowsAsync<WireError>(() => stranger.Login("t_nobody", "x"));
            }
            await WireAgent.Until(() => Task.FromResult(agent.Live.Count == 0));
            session = JsonDocument.Parse(agent.Transcript()[0]).RootElement.GetProperty("start").GetProperty("session").GetString()!;
        } // what was gathered is sent at the end
        var sent = Text(traces);
        foreach (var expected in new[] { "accessplane-agent", "orders-agent", "login", "session", session, grant, "accessplane.session.end", "closed", "the login was not accepted" })
        {
            Assert.Contains(expected, sent, StringComparison.Ordinal);
        }
        Assert.DoesNotContain("alive", sent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Spans_and_metrics_reach_a_collector()
    {
        var host = await ControlPlaneHost.Start(settings: [$"--OTEL_EXPORTER_OTLP_ENDPOINT={address}", "--OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"]);
        await host.Publish(SharedControlPlane.Policy);
        await host.Get("/v1/requests");
        await host.DisposeAsync(); // what was gathered is sent at the end

        Assert.Contains("accessplane-control-plane", Text(traces), StringComparison.Ordinal);
        Assert.Contains("PUT /v1/policies", Text(traces), StringComparison.Ordinal);
        Assert.Contains("postgresql", Text(traces), StringComparison.Ordinal);
        Assert.Contains("http.server.request.duration", Text(metrics), StringComparison.Ordinal);
    }
}
