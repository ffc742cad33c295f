using System.Diagnostics;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.Tests.Integration.Agents;
using RabbitMQ.Client.Exceptions;
using Xunit;

namespace AccessPlane.Tests.Integration.Broker;

/// <summary>The queue to which all agents report is gone: an accident of an operator, or a broker that lost it.</summary>
public sealed class ReportsQueueTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Where_the_queue_of_reports_is_deleted_it_is_made_anew_and_what_could_not_be_sent_is_sent_again()
    {
        await using var host = await ControlPlaneHost.Start();
        await host.Publish(SharedControlPlane.Policy);
        await using var agent = await EnrolledAgent.Enrol(host, $"reports-{Guid.CreateVersion7():N}"[..30], "orders");
        await agent.IsHeard();
        using var broker = Servers.RabbitManagement();
        var virtualHost = new Uri(host.Broker).AbsolutePath.TrimStart('/');
        (await broker.DeleteAsync(new Uri($"api/queues/{virtualHost}/{Topology.Reports}", UriKind.Relative), Cancel)).EnsureSuccessStatusCode();

        // meanwhile an agent is told that what it sends has no place, and keeps it
        var (took, returned) = (Stopwatch.StartNew(), 0);
        while (true)
        {
            try
            {
                await agent.IsHeard();
                break;
            }
            catch (PublishException none) when (none.IsReturn && took.Elapsed < TimeSpan.FromSeconds(60))
            {
                returned++;
                await Task.Delay(100, Cancel);
            }
        }
        FaultReport.Saw($"the queue of reports was deleted: {returned} reports came back to their agent, and it was heard again {took.Elapsed.TotalSeconds:0.0} s later");
    }
}
