using AccessPlane.Contracts.Messages;
using MassTransit;

namespace AccessPlane.ControlPlane.Broker;

/// <summary>What agents are told, on a connection of its own: one that is made anew where it has gone deaf. On the other one reports are consumed.</summary>
public sealed partial class OrderLine : IHostedService
{
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(10);
    private readonly ILogger<OrderLine> log;
    private readonly Lazy<Outbound<Bus>> outbound;

    public OrderLine(IServiceProvider services, ILogger<OrderLine> log)
    {
        this.log = log;
        outbound = new Lazy<Outbound<Bus>>(() => new Outbound<Bus>(() => new Bus(services), Close, LogTried, TimeProvider.System));
    }

    public bool IsConnected => outbound.Value.Current.IsConnected;

    /// <summary>Sends to an exchange; completes when the broker confirmed.</summary>
    public Task Send<TMessage>(string exchange, TMessage message, CancellationToken cancel)
        where TMessage : class => outbound.Value.Send((bus, enough) => bus.Send(exchange, message, enough), cancel);

    /// <summary>Begins to connect; nobody waits for the broker.</summary>
    public Task StartAsync(CancellationToken cancellationToken) => Task.FromResult(outbound.Value);

    public Task StopAsync(CancellationToken cancellationToken) => outbound.IsValueCreated ? outbound.Value.DisposeAsync().AsTask() : Task.CompletedTask;

    private async Task Close(Bus bus)
    {
        try
        {
            await bus.DisposeAsync().AsTask().WaitAsync(Farewell);
        }
        catch (Exception failure)
        {
            LogNotClosed(failure.GetBaseException().Message);
        }
    }

    private sealed class Bus : IAsyncDisposable
    {
        private readonly CancellationTokenSource over = new();
        private readonly IBusControl bus;
        private readonly Task started;

        public Bus(IServiceProvider services)
        {
            bus = MassTransit.Bus.Factory.CreateUsingRabbitMq(rabbit => BrokerFeature.Host(services, rabbit, over.Token));
            started = bus.StartAsync(over.Token);
        }

        public bool IsConnected => bus.CheckHealth().Status == BusHealthStatus.Healthy;

        public async Task Send<TMessage>(string exchange, TMessage message, CancellationToken cancel)
            where TMessage : class => await (await bus.GetSendEndpoint(new Uri($"exchange:{exchange}"))).Send(message, cancel);

        public async ValueTask DisposeAsync()
        {
            await over.CancelAsync();
            await started.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await bus.StopAsync(CancellationToken.None);
            over.Dispose();
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "of the connections to the broker: {Told}")]
    private partial void LogTried(string told);

    [LoggerMessage(Level = LogLevel.Warning, Message = "a connection to the broker that is used no more did not end well: {Why}")]
    private partial void LogNotClosed(string why);
}
