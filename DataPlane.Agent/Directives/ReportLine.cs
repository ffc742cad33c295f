using AccessPlane.Contracts.Messages;
using MassTransit;

namespace AccessPlane.Agent.Directives;

/// <summary>What the agent says, on a connection of its own: one that is made anew where it has gone deaf.</summary>
internal sealed partial class ReportLine : IHostedService
{
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(5);
    private readonly ILogger<ReportLine> log;
    private readonly Uri to;
    private readonly Lazy<Outbound<Bus>> outbound;

    public ReportLine(IServiceProvider services, Enrolment enrolment, TimeProvider time, ILogger<ReportLine> log)
    {
        (this.log, to) = (log, Broker.ReportsOf(enrolment.Agent));
        outbound = new Lazy<Outbound<Bus>>(() => new Outbound<Bus>(() => new Bus(services, enrolment), Close, LogTried, time));
    }

    /// <summary>Hands a report to the broker; completes when it confirmed. A broker that is away neither refuses nor answers: the caller's patience decides.</summary>
    public Task Send(Report report, CancellationToken cancel) => outbound.Value.Send((bus, enough) => bus.Send(to, report, enough), cancel);

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

        public Bus(IServiceProvider services, Enrolment enrolment)
        {
            bus = MassTransit.Bus.Factory.CreateUsingRabbitMq(broker => Broker.Host(services, broker, enrolment, over.Token));
            started = bus.StartAsync(over.Token);
        }

        public async Task Send(Uri to, Report report, CancellationToken cancel) => await (await bus.GetSendEndpoint(to)).Send(report, cancel);

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
