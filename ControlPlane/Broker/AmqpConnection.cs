using Microsoft.Extensions.Options;
using RabbitMQ.Client;

namespace AccessPlane.ControlPlane.Broker;

/// <summary>A connection of one's own, for what speaks plain JSON and not MassTransit's envelope. Opened when needed, and again after it was lost.</summary>
public sealed class AmqpConnection(IOptions<BrokerOptions> options, string name) : IAsyncDisposable
{
    private readonly SemaphoreSlim one = new(1, 1);
    private IConnection? connection;

    /// <exception cref="RabbitMQ.Client.Exceptions.BrokerUnreachableException">It cannot be opened now.</exception>
    public async ValueTask<IConnection> Open(CancellationToken cancel)
    {
        if (connection is { IsOpen: true } open)
        {
            return open;
        }
        await one.WaitAsync(cancel);
        try
        {
            if (connection is { IsOpen: true } meanwhile)
            {
                return meanwhile;
            }
            if (connection is { } lost)
            {
                connection = null;
                await lost.DisposeAsync();
            }
            // no automatic recovery: it would revive consumers and forget what was not confirmed; whoever uses the connection starts anew
            var factory = new ConnectionFactory
            {
                Uri = new Uri(options.Value.Uri),
                ClientProvidedName = $"accessplane {name}",
                AutomaticRecoveryEnabled = false,
                TopologyRecoveryEnabled = false,
                RequestedConnectionTimeout = TimeSpan.FromSeconds(5),
                MaxInboundMessageBodySize = MessageSize.LargestOfAnyBroker,
            };
            return connection = await factory.CreateConnectionAsync(cancel);
        }
        finally
        {
            one.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (connection is not null)
        {
            await connection.DisposeAsync();
        }
        one.Dispose();
    }
}
