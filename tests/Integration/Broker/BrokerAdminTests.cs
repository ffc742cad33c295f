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
    private readonly string _agent = $"a{Guid.CreateVersion7():N}";
    private string _host = null!;
    private BrokerAdmin _admin = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await Servers.CreateBrokerHost();
        _admin = new BrokerAdmin(
            Options.Create(new BrokerOptions { Uri = _host, ManagementUri = Servers.RabbitApi, AgentUri = _host }), NullLogger<BrokerAdmin>.Instance);
        await _admin.CreateAgent(_agent, $"agent-{_agent}", "pass word%", TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _admin.RemoveAgent(_agent, $"agent-{_agent}", CancellationToken.None);
        await _admin.RemoveApprover(_agent, CancellationToken.None);
        _admin.Dispose();
        await Servers.DropBrokerHost(_host);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string As(string user, string password) =>
        new UriBuilder(_host) { UserName = Uri.EscapeDataString(user), Password = Uri.EscapeDataString(password) }.Uri.AbsoluteUri;

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
        Assert.Equal(403, await closed.Task.WaitAsync(TimeSpan.FromSeconds(10), Cancel));
    }

    [Fact]
    public async Task An_agent_has_its_queue_and_its_exchange_and_nothing_else()
    {
        await _admin.CreateAgent("neighbour", "agent-neighbour", "x", Cancel);
        await _admin.DeclareApprovers(Cancel);
        await using var connection = await Connect($"agent-{_agent}", "pass word%");
        await using (var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true), Cancel))
        {
            await channel.BasicPublishAsync(Topology.AgentReports(_agent), "", mandatory: true, Plain, new byte[] { 1 }, Cancel);
            await channel.BasicConsumeAsync(Topology.AgentQueue(_agent), true, new RabbitMQ.Client.Events.AsyncEventingBasicConsumer(channel), Cancel);
        }
        foreach (var queue in (string[])[Topology.AgentQueue("neighbour"), Topology.Reports, Topology.Reviews, Topology.AgentQueue(_agent + "x")])
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
        await IsForbidden(connection, c => c.QueueBindAsync(Topology.AgentQueue(_agent), Topology.Notifications, "#", cancellationToken: Cancel));
        await IsForbidden(connection, c => c.QueueBindAsync(Topology.AgentQueue(_agent), Topology.AgentReports("neighbour"), "", cancellationToken: Cancel));
        await _admin.RemoveAgent("neighbour", "agent-neighbour", Cancel);
    }

    [Fact]
    public async Task What_an_agent_reports_arrives_though_nobody_listens_yet()
    {
        await using (var agent = await Connect($"agent-{_agent}", "pass word%"))
        {
            await using var channel = await agent.CreateChannelAsync(new CreateChannelOptions(true, true), Cancel);
            await channel.BasicPublishAsync(Topology.AgentReports(_agent), "", mandatory: true, Plain, new byte[] { 42 }, Cancel);
        }
        await using var plane = await new ConnectionFactory { Uri = new Uri(_host) }.CreateConnectionAsync(Cancel);
        await using var reading = await plane.CreateChannelAsync(cancellationToken: Cancel);
        var got = await reading.BasicGetAsync(Topology.Reports, true, Cancel);
        Assert.Equal([42], got!.Body.ToArray());
    }

    [Fact]
    public async Task Making_an_agent_again_keeps_what_waits_for_it_and_changes_its_password()
    {
        await using var plane = await new ConnectionFactory { Uri = new Uri(_host) }.CreateConnectionAsync(Cancel);
        await using var channel = await plane.CreateChannelAsync(new CreateChannelOptions(true, true), Cancel);
        await channel.BasicPublishAsync(Topology.AgentQueue(_agent), "", mandatory: true, Plain, new byte[] { 7 }, Cancel);
        await _admin.CreateAgent(_agent, $"agent-{_agent}", "another", Cancel);
        await Assert.ThrowsAsync<BrokerUnreachableException>(() => Connect($"agent-{_agent}", "pass word%"));
        await using var agent = await Connect($"agent-{_agent}", "another");
        await using var reading = await agent.CreateChannelAsync(cancellationToken: Cancel);
        Assert.Equal([7], (await reading.BasicGetAsync(Topology.AgentQueue(_agent), true, Cancel))!.Body.ToArray());
    }

    [Fact]
    public async Task A_retired_agent_is_disconnected_and_cannot_come_back()
    {
        await using var agent = await Connect($"agent-{_agent}", "pass word%");
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        agent.ConnectionShutdownAsync += (_, _) =>
        {
            ended.TrySetResult();
            return Task.CompletedTask;
        };
        await _admin.RemoveAgent(_agent, $"agent-{_agent}", Cancel);
        await Assert.ThrowsAsync<BrokerUnreachableException>(() => Connect($"agent-{_agent}", "pass word%"));
        await _admin.RemoveAgent(_agent, $"agent-{_agent}", Cancel);
        // the management lists a connection some seconds after it came: retiring again finds it
        var deadline = TimeProvider.System.GetUtcNow().AddSeconds(30);
        while (!ended.Task.IsCompleted)
        {
            Assert.True(TimeProvider.System.GetUtcNow() < deadline, "the connection of a user that is gone stays open");
            await Task.WhenAny(ended.Task, Task.Delay(500, Cancel));
            await _admin.RemoveAgent(_agent, $"agent-{_agent}", Cancel);
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
        await Assert.ThrowsAsync<ArgumentException>(() => _admin.CreateAgent(name, "agent-x", "x", Cancel));
        await Assert.ThrowsAsync<ArgumentException>(() => _admin.AddApprover(name, "x", ["dba"], Cancel));
    }

    [Fact]
    public async Task The_control_planes_own_user_is_never_touched() =>
        await Assert.ThrowsAsync<ArgumentException>(() => _admin.CreateAgent(_agent, new Uri(_host).UserInfo.Split(':')[0], "x", Cancel));

    [Fact]
    public async Task An_approver_reads_its_own_queue_and_sends_reviews_and_nothing_else()
    {
        await _admin.AddApprover(_agent, "secret", ["dba", "d.b+a"], Cancel);
        var own = Topology.Approver(_agent);
        await using var plane = await new ConnectionFactory { Uri = new Uri(_host) }.CreateConnectionAsync(Cancel);
        await using (var channel = await plane.CreateChannelAsync(new CreateChannelOptions(true, true), Cancel))
        {
            foreach (var key in (string[])["request.submitted.dba", "request.submitted.d.b+a", "request.submitted.security", "request.submitted.dbax", "request.submitted"])
            {
                await channel.BasicPublishAsync(Topology.Notifications, key, mandatory: false, Plain, System.Text.Encoding.UTF8.GetBytes(key), Cancel);
            }
        }
        await using var connection = await Connect($"approver-{_agent}", "secret");
        await using (var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true), Cancel))
        {
            var heard = new List<string>();
            while (await channel.BasicGetAsync(own, true, Cancel) is { } message)
            {
                heard.Add(System.Text.Encoding.UTF8.GetString(message.Body.Span));
            }
            Assert.Equal(["request.submitted.dba", "request.submitted.d.b+a"], heard);
            await channel.BasicPublishAsync(Topology.Reviews, "", mandatory: true, Plain, new byte[] { 1 }, Cancel);
        }
        foreach (var queue in (string[])[Topology.Reviews, Topology.AgentQueue(_agent), Topology.Reports, Topology.Approver("other")])
        {
            await IsForbidden(connection, c => c.BasicGetAsync(queue, true, Cancel));
        }
        foreach (var exchange in (string[])[Topology.AgentQueue(_agent), Topology.AgentReports(_agent), Topology.Reports, Topology.Notifications])
        {
            await IsForbidden(connection, c => c.BasicPublishAsync(exchange, "request.submitted.dba", mandatory: true, Plain, new byte[] { 1 }, Cancel).AsTask());
        }
        await IsForbidden(connection, c => c.BasicPublishAsync("", Topology.AgentQueue(_agent), mandatory: true, Plain, new byte[] { 1 }, Cancel).AsTask());
    }

    [Fact]
    public async Task An_approver_that_changes_groups_hears_of_the_new_ones_only()
    {
        await _admin.AddApprover(_agent, "secret", ["dba", "security"], Cancel);
        await _admin.AddApprover(_agent, "secret", ["security"], Cancel);
        await using var plane = await new ConnectionFactory { Uri = new Uri(_host) }.CreateConnectionAsync(Cancel);
        await using var channel = await plane.CreateChannelAsync(new CreateChannelOptions(true, true), Cancel);
        await channel.BasicPublishAsync(Topology.Notifications, "request.submitted.dba", mandatory: false, Plain, new byte[] { 1 }, Cancel);
        await channel.BasicPublishAsync(Topology.Notifications, "request.submitted.security", mandatory: false, Plain, new byte[] { 2 }, Cancel);
        Assert.Equal([2], (await channel.BasicGetAsync(Topology.Approver(_agent), true, Cancel))!.Body.ToArray());
        Assert.Null(await channel.BasicGetAsync(Topology.Approver(_agent), true, Cancel));
    }
}
