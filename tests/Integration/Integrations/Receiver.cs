using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AccessPlane.Tests.Integration.Integrations;

/// <summary>Somebody's HTTP server on loopback. It knows nothing of ours.</summary>
internal sealed class Receiver : IAsyncDisposable
{
    private readonly ConcurrentQueue<Received> came = [];
    private WebApplication? app;

    /// <summary>How it answers; 200 where it says nothing else.</summary>
    public Func<HttpContext, Received, Task> Answer { get; set; } = (_, _) => Task.CompletedTask;

    public Uri Address { get; private set; } = null!;

    /// <summary>Everything that came, whatever was answered.</summary>
    public IReadOnlyList<Received> All => [.. came];

    public IReadOnlyList<Received> Taken => [.. came.Where(r => r.Status == 200)];

    public static async Task<Receiver> Start()
    {
        var receiver = new Receiver();
        await receiver.Up();
        return receiver;
    }

    /// <summary>Is there, again at the same address.</summary>
    public async Task Up()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(Address?.GetLeftPart(UriPartial.Authority) ?? "http://127.0.0.1:0");
        app = builder.Build();
        app.Run(async http =>
        {
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body);
            var received = new Received(http.Request.Path, http.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase), body.ToArray());
            came.Enqueue(received);
            await Answer(http, received);
            received.Status = http.Response.StatusCode;
        });
        await app.StartAsync(TestContext.Current.CancellationToken);
        Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
    }

    /// <summary>Nobody listens at its address.</summary>
    public async Task Down()
    {
        await app!.StopAsync();
        await app.DisposeAsync();
        app = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (app is not null)
        {
            await Down();
        }
    }

    /// <summary>Waits until something is so.</summary>
    public static async Task Until(Func<Task<bool>> holds, Func<string>? otherwise = null)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        while (!await holds())
        {
            Assert.False(patience.IsCancellationRequested, otherwise?.Invoke() ?? "it did not come to that");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    public static Task Until(Func<bool> holds, Func<string>? otherwise = null) => Until(() => Task.FromResult(holds()), otherwise);
}

internal sealed record Received(string Path, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public volatile int Status;

    public long Timestamp { get; } = TimeProvider.System.GetTimestamp();

    public JsonElement Json => JsonSerializer.Deserialize<JsonElement>(Body);

    public string Id => Headers["webhook-id"];

    public Guid About => Json.GetProperty("data").GetProperty("id").GetGuid();
}
