using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>The other end of an agent's queues, in the place of a control plane.</summary>
internal static class BusHost
{
    public static IHost Of(Action<IBusRegistrationConfigurator> configure)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddMassTransit(configure);
        builder.Services.Configure<MassTransitHostOptions>(o => o.WaitUntilStarted = true);
        return builder.Build();
    }
}
