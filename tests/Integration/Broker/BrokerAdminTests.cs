using System.Net.Http.Json;
using System.Text.Json;
using AccessPlane.ControlPlane.Broker;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using Xunit;

namespace AccessPlane.Tests.Integration.Broker;

/// <summary>Who may do what at the broker, tried with real connections.</summary>
public sealed class BrokerAdminTests : IAsyncLifetime
{
    private static readonly BasicProperties Plain = new();
    private readonly string own = $"a{Guid.CreateVersion7():N}";
    private string host = null!;
    private BrokerAdmin admin = null!;

    public async ValueTask InitializeAsync()
    {
        host = await Servers.CreateBrokerHost();
        admin = new BrokerAdmin(
            Options.Create(new BrokerOptions { Uri = host, ManagementUri = Servers.RabbitApi, AgentUri = host }), NullLogger<BrokerAdmin>.Instance);
        await admin.CreateAgent(own, $"agent-{own}", "pass word%", TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await admin.RemoveAgent(own, $"agent-{own}", CancellationToken.None);
        await admin.RemoveApprover(own, CancellationToken.None);
        admin.Dispose();
        await Servers.DropBrokerHost(host);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string As(string user, string password) =>
        new UriBuilder(host) { UserName = Uri.EscapeDataString(user), Password = Uri.EscapeDataString(password) }.Uri.AbsoluteUri;

    private Task<IConnection> Connect(string user, string password) => new ConnectionFactory { Uri = new Uri(As(user, password)) }.CreateConnectionAsync(Cancel);

    private static async Task IsForbidden(IConnection connection, Func<IChannel, Task> what)
    {
        await using var channel = await connection.CreateChannelAsync(
            new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true), Cancel);
        var closed = new TaskCompletionSource<ushort>(TaskCreationOptions.RunContinuationsAsynchronously);
        channel.ChannelShutdownAsync += (_, e) =>
        {
            closed.TrySetResult(e.ReplyCode);
            return Task.CompletedTask;
        };
        await Assert.ThrowsAnyAsync<Exception>(() => what(channel));
        Assert.Equal(403, await closed.Task.WaitAsync(TimeSpan.FromSeconds(90), Cancel));
    }

    [Fact]
    public async Task An_agents_queue_and_the_one_that_it_reports_into_are_quorum_queues()
    {
        using var management = Servers.RabbitManagement();
        foreach (var queue in (string[])[Topology.AgentQueue(own), Topology.Reports, Topology.ReportsParked])
        {
            var made = await management.GetFromJsonAsync<JsonElement>($"api/queues/{new Uri(host).AbsolutePath.TrimStart('/')}/{queue}", Cancel);
            Assert.Equal("quorum", made.GetProperty("arguments").GetProperty("x-queue-type").GetString());
            Assert.True(made.GetProperty("durable").GetBoolean());
        }
    }

    [Fact]
    public async Task An_agent_has_its_queue_and_its_exchange_and_nothing_else()
    {
        await admin.CreateAgent("neighbour", "agent-neighbour", "x", Cancel);
        await admin.DeclareApprovers(Cancel);
        await using var connection = await Connect($"agent-{own}", "pass word%");
        await using (var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true), Cancel))
        {
            await channel.BasicPublishAsync(Topology.AgentReports(own), "", mandatory: true, Plain, new byte[] { 1 }, Cancel);
            await channel.BasicConsumeAsync(Topology.AgentQueue(own), true, new RabbitMQ.Client.Events.AsyncEventingBasicConsumer(channel), Cancel);
        }
        foreach (var queue in (string[])[Topology.AgentQueue("neighbour"), Topology.Reports, Topology.Reviews, Topology.AgentQueue(own + "x")])
        {
            await IsForbidden(connection, c => c.BasicGetAsync(queue, true, Cancel));
        }
        foreach (var exchange in (string[])[Topology.AgentQueue("neighbour"), Topology.AgentReports("neighbour"), Topology.Reports, Topology.Reviews, Topology.Notifications, "amq.topic"])
        {
            await IsForbidden(connection, c => c.BasicPublishAsync(exchange, "request.submitted.dba", mandatory: true, Plain, new byte[] { 1 }, Cancel).AsTask());
        }
        await IsForbidden(connection, c => c.BasicPublishAsync("", Topology.AgentQueue("neighbour"), mandatory: true, Plain, new byte[] { 1 }, Cancel).AsTask());
        await IsForbidden(connection, c => c.QueueDeclareAsync("mine", cancellationToken: Cancel));
        await IsForbidden(connection, c => c.QueueDeleteAsync(Topology.Reports, cancellationToken: Cancel));
        await IsForbidden(connection, c => c.QueueBindAsync(Topology.AgentQueue(own), Topology.Notifications, "#", cancellationToken: Cancel));
        await IsForbidden(connection, c => c.QueueBindAsync(Topology.AgentQueue(own), Topology.AgentReports("neighbour"), "", cancellationToken: Cancel));
        await admin.RemoveAgent("neighbour", "agent-neighbour", Cancel);
    }

    [Fact]
    public async Task What_an_agent_reports_arrives_though_nobody_listens_yet()
    {
        await using (var agent = await Connect($"agent-{own}", "pass word%"))
        {
            await using var channel = await agent.CreateChannelAsync(new CreateChannelOptions(true, true), Cancel);
            await channel.BasicPublishAsync(Topology.AgentReports(own), "", mandatory: true, Plain, new byte[] { 42 }, Cancel);
        }
        await using var plane = await new ConnectionFactory { Uri = new Uri(host) }.CreateConnectionAsync(Cancel);
        await using var reading = await plane.CreateChannelAsync(cancellationToken: Cancel);
        var got = await reading.BasicGetAsync(Topology.Reports, true, Cancel);
        Assert.Equal([42], got!.Body.ToArray());
    }

    [Fact]
    public async Task Making_an_agent_again_keeps_what_waits_for_it_and_changes_its_password()
    {
        await using var plane = await new ConnectionFactory { Uri = new Uri(host) }.CreateConnectionAsync(Cancel);
        await using var channel = await plane.CreateChannelAsync(new CreateChannelOptions(true, true), Cancel);
        await channel.BasicPublishAsync(Topology.AgentQueue(own), "", mandatory: true, Plain, new byte[] { 7 }, Cancel);
        await admin.CreateAgent(own, $"agent-{own}", "another", Cancel);
        await Assert.ThrowsAsync<BrokerUnreachableException>(() => Connect($"agent-{own}", "pass word%"));
        await using var agent = await Connect($"agent-{own}", "another");
        await using var reading = await agent.CreateChannelAsync(cancellationToken: Cancel);
        Assert.Equal([7], (await reading.BasicGetAsync(Topology.AgentQueue(own), true, Cancel))!.Body.ToArray());
    }

    [Fact]
    public async Task A_retired_agent_is_disconnected_and_cannot_come_back()
    {
        await using var agent = await Connect($"agent-{own}", "pass word%");
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        agent.ConnectionShutdownAsync += (_, _) =>
        {
            ended.TrySetResult();
            return Task.CompletedTask;
        };
        await admin.RemoveAgent(own, $"agent-{own}", Cancel);
        await Assert.ThrowsAsync<BrokerUnreachableException>(() => Connect($"agent-{own}", "pass word%"));
        await admin.RemoveAgent(own, $"agent-{own}", Cancel);
        // the management lists a connection some seconds after it came: retiring again finds it
        var deadline = TimeProvider.System.GetUtcNow().AddSeconds(30);
        while (!ended.Task.IsCompleted)
        {
            Assert.True(TimeProvider.System.GetUtcNow() < deadline, "the connection of a user that is gone stays open");
            await Task.WhenAny(ended.Task, Task.Delay(500, Cancel));
            await admin.RemoveAgent(own, $"agent-{own}", Cancel);
        }
    }

    [Theory]
    [InlineData("..")]
    [InlineData("a.b")]
    [InlineData("A")]
    [InlineData(".*")]
    [InlineData("a|reports")]
    [InlineData("")]
    public async Task Names_that_would_widen_a_pattern_are_refused(string name)
    {
        await Assert.ThrowsAsync<ArgumentException>(() => admin.CreateAgent(name, "agent-x", "x", Cancel));
        await Assert.ThrowsAsync<ArgumentException>(() => admin.AddApprover(name, "x", ["dba"], Cancel));
    }

    [Fact]
    public async Task The_control_planes_own_user_is_never_touched() =>
        await Assert.ThrowsAsync<ArgumentException>(() => admin.CreateAgent(own, new Uri(host).UserInfo.Split(':')[0], "x", Cancel));

    [Fact]
    public async Task An_approver_reads_its_own_queue_and_sends_reviews_and_nothing_else()
    {
        await admin.AddApprover(own, "secret", ["dba", "d.b+a"], Cancel);
        var mine = Topology.Approver(own);
        await using var plane = await new ConnectionFactory { Uri = new Uri(host) }.CreateConnectionAsync(Cancel);
        await using (var channel = await plane.CreateChannelAsync(new CreateChannelOptions(true, true), Cancel))
        {
            foreach (var key in (string[])["request.submitted.dba", "request.submitted.d.b+a", "request.submitted.security", "request.submitted.dbax", "request.submitted"])
            {
                await channel.BasicPublishAsync(Topology.Notifications, key, mandatory: false, Plain, System.Text.Encoding.UTF8.GetBytes(key), Cancel);
            }
        }
        await using var connection = await Connect($"approver-{own}", "secret");
        await using (var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true), Cancel))
        {
            var heard = new List<string>();
            while (await channel.BasicGetAsync(mine, true, Cancel) is { } message)
            {
                heard.Add(System.Text.Encoding.UTF8.GetString(message.Body.Span));
            }
            Assert.Equal(["request.submitted.dba", "request.submitted.d.b+a"], heard);
            await channel.BasicPublishAsync(Topology.Reviews, "", mandatory: true, Plain, new byte[] { 1 }, Cancel);
        }
        foreach (var queue in (string[])[Topology.Reviews, Topology.AgentQueue(own), Topology.Reports, Topology.Approver("other")])
        {
            await IsForbidden(connection, c => c.BasicGetAsync(queue, true, Cancel));
        }
        foreach (var exchange in (string[])[Topology.AgentQueue(own), Topology.AgentReports(own), Topology.Reports, Topology.Notifications])
        {
            await IsForbidden(connection, c => c.BasicPublishAsync(exchange, "request.submitted.dba", mandatory: true, Plain, new byte[] { 1 }, Cancel).AsTask());
        }
        await IsForbidden(connection, c => c.BasicPublishAsync("", Topology.AgentQueue(own), mandatory: true, Plain, new byte[] { 1 }, Cancel).AsTask());
    }

    [Fact]
    public async Task An_approver_that_changes_groups_hears_of_the_new_ones_only()
    {
        await admin.AddApprover(own, "secret", ["dba", "security"], Cancel);
        await admin.AddApprover(own, "secret", ["security"], Cancel);
        await using var plane = await new ConnectionFactory { Uri = new Uri(host) }.CreateConnectionAsync(Cancel);
        await using var channel = await plane.CreateChannelAsync(new CreateChannelOptions(true, true), Cancel);
        await channel.BasicPublishAsync(Topology.Notifications, "request.submitted.dba", mandatory: false, Plain, new byte[] { 1 }, Cancel);
        await channel.BasicPublishAsync(Topology.Notifications, "request.submitted.security", mandatory: false, Plain, new byte[] { 2 }, Cancel);
        Assert.Equal([2], (await channel.BasicGetAsync(Topology.Approver(own), true, Cancel))!.Body.ToArray());
        Assert.Null(await channel.BasicGetAsync(Topology.Approver(own), true, Cancel));
    }

    [Theory]
    [InlineData(Topology.Reports, Topology.ReportsParked)]
    [InlineData(Topology.Reviews, Topology.ReviewsInError)]
    public async Task A_message_that_takes_its_consumer_with_it_each_time_is_parked_at_last_and_not_lost(string queue, string parked)
    {
        await admin.DeclareReports(Cancel);
        await admin.DeclareApprovers(Cancel);
        await admin.BoundQueues(Cancel);
        await using var connection = await new ConnectionFactory { Uri = new Uri(host) }.CreateConnectionAsync(Cancel);
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true), Cancel);
        await channel.BasicPublishAsync("", queue, mandatory: true, Plain, new byte[] { 7 }, Cancel);
        var taken = 0;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        while (await channel.MessageCountAsync(parked, Cancel) == 0)
        {
            Assert.False(patience.IsCancellationRequested, $"it was taken {taken} times and is not parked");
            if (await channel.BasicGetAsync(queue, autoAck: false, Cancel) is { } message)
            {
                taken++;
                await channel.BasicNackAsync(message.DeliveryTag, multiple: false, requeue: true, Cancel);
            }
        }
        Assert.InRange(taken, 2, 30);
        Assert.Equal(0u, await channel.MessageCountAsync(queue, Cancel));
        FaultReport.Saw($"{queue}: given back {taken} times, then it lay in {parked}: 0 lost");
    }
}
