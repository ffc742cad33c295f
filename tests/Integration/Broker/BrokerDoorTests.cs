using System.Diagnostics;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.Tests.Integration.Wire;
using MassTransit;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;

namespace AccessPlane.Tests.Integration.Broker;

/// <summary>A control plane whose broker does not let it in, and then does.</summary>
public sealed class BrokerDoorTests : IAsyncLifetime
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private readonly string user = $"approver-p{Guid.CreateVersion7():N}";
    private string host = null!;
    private BrokerAdmin admin = null!;
    private Detour toBroker = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        host = await Servers.CreateBrokerHost();
        toBroker = new Detour(new Uri(host).Port);
        admin = new BrokerAdmin(
            Options.Create(new BrokerOptions { Uri = host, ManagementUri = Servers.RabbitApi, AgentUri = host }), NullLogger<BrokerAdmin>.Instance);
        await Servers.CreateBrokerUser(host, user, "secret");
    }

    public async ValueTask DisposeAsync()
    {
        await admin.RemoveApprover(user["approver-".Length..], CancellationToken.None);
        admin.Dispose();
        await toBroker.DisposeAsync();
        await Servers.DropBrokerHost(host);
    }

    [Fact]
    public async Task A_control_plane_that_its_broker_refused_for_a_while_takes_and_sends_again()
    {
        var heard = new Heard();
        using var plane = Plane(heard);
        await plane.StartAsync(Cancel);
        await Until(() => Takes(plane));
        await Sent(plane, "before");
        Assert.Equal("before", await heard.Next());

        await Servers.CreateBrokerUser(host, user, "another secret");
        var before = toBroker.Taken;
        toBroker.HangUp();
        await Until(() => toBroker.Taken >= before + 6);
        var refused = toBroker.Taken - before;
        await Servers.CreateBrokerUser(host, user, "secret");
        var back = Stopwatch.StartNew();
        await Sent(plane, "after");
        Assert.Equal("after", await heard.Next());
        FaultReport.Saw($"a control plane was refused {refused} times; {back.Elapsed.TotalSeconds:0.0} s after it was let in again what was sent by it had come back to it");
        await plane.StopAsync(Cancel);
    }

    /// <summary>As in a machine that starts both at once.</summary>
    [Fact]
    public async Task A_control_plane_that_starts_before_its_broker_lets_it_in_takes_and_sends_when_it_does()
    {
        await Servers.CreateBrokerUser(host, user, "another secret");
        var heard = new Heard();
        using var plane = Plane(heard);
        await plane.StartAsync(Cancel);
        await Until(() => toBroker.Taken >= 4);
        Assert.False(Takes(plane));
        await Servers.CreateBrokerUser(host, user, "secret");
        await Until(() => Takes(plane));
        await Sent(plane, "first");
        Assert.Equal("first", await heard.Next());
        await plane.StopAsync(Cancel);
    }

    [Fact(Explicit = true)] // half a minute
    public async Task A_control_plane_whose_connection_has_gone_deaf_is_heard_on_another_one()
    {
        using var plane = Plane(new Heard());
        await plane.StartAsync(Cancel);
        await Until(() => Takes(plane));
        await Sent(plane, "before");
        toBroker.LoseAnswers();
        var unheard = 0;
        for (; !await IsConfirmed(plane, $"{unheard}"); unheard++)
        {
            Assert.True(unheard < 40);
        }
        Assert.NotEqual(0, unheard);
        FaultReport.Saw($"the broker's words were lost on what was open: {unheard} orders of {Patience.TotalSeconds:0} s each were not confirmed, then all were, on a new connection");
        await plane.StopAsync(Cancel);
    }

    private IHost Plane(Heard heard)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Broker:Uri"] = new UriBuilder(host) { UserName = user, Password = "secret", Port = toBroker.Port }.Uri.AbsoluteUri,
            ["Broker:ManagementUri"] = Servers.RabbitApi,
            ["Broker:AgentUri"] = new UriBuilder(host) { UserName = "", Password = "" }.Uri.AbsoluteUri,
        });
        builder.Services.AddSingleton(TimeProvider.System).AddSingleton(heard).AddBroker(builder.Configuration).AddBrokerConsumer<Hears>("words");
        return builder.Build();
    }

    /// <summary>Its queue is there: what is sent to it is not lost.</summary>
    private static bool Takes(IHost plane) => plane.Services.GetRequiredService<IBusControl>().CheckHealth().Status == BusHealthStatus.Healthy;

    private static async Task Until(Func<bool> holds)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!holds())
        {
            Assert.False(late.IsCancellationRequested);
            await Task.Delay(20, Cancel);
        }
    }

    private static Task Sent(IHost plane, string text) => plane.Services.GetRequiredService<OrderLine>().Send("words", new Word(text), Cancel).WaitAsync(Soon, Cancel);

    private static async Task<bool> IsConfirmed(IHost plane, string text)
    {
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            await plane.Services.GetRequiredService<OrderLine>().Send("words", new Word(text), patience.Token);
            return true;
        }
        catch (OperationCanceledException) when (!Cancel.IsCancellationRequested)
        {
            return false;
        }
    }

    internal sealed record Word(string Text);

    internal sealed class Heard
    {
        private readonly System.Threading.Channels.Channel<string> words = System.Threading.Channels.Channel.CreateUnbounded<string>();

        public void Add(string word) => words.Writer.TryWrite(word);

        public async Task<string> Next() => await words.Reader.ReadAsync(Cancel).AsTask().WaitAsync(Soon, Cancel);
    }

    internal sealed class Hears(Heard heard) : IConsumer<Word>
    {
        public Task Consume(ConsumeContext<Word> context)
        {
            heard.Add(context.Message.Text);
            return Task.CompletedTask;
        }
    }
}
