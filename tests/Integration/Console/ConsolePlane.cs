using AccessPlane.Tests.Integration.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Console;

/// <summary>One control plane with a console for all tests of a class, and a clock that can be moved.</summary>
public sealed class ConsolePlane : IAsyncLifetime
{
    internal const string ClientSecret = "a-secret-of-the-console";

    internal Clock Clock { get; } = new(TimeProvider.System.GetUtcNow());
    internal ControlPlaneHost Host { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Host = await Start(null);

    public ValueTask DisposeAsync() => Host.DisposeAsync();

    /// <summary>A second replica.</summary>
    internal Task<ControlPlaneHost> Another() => Start(Host);

    private Task<ControlPlaneHost> Start(ControlPlaneHost? like) => ControlPlaneHost.Start(
        builder => builder.Services.AddSingleton<TimeProvider>(Clock),
        settings: ["--Console:ClientId=console", $"--Console:ClientSecret={ClientSecret}", "--PublicUrl=http://127.0.0.1"], like: like);
}
