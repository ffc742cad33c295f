using AccessPlane.Agent.Directives;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.Tests.Integration.Wire;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;

namespace AccessPlane.Tests.Integration.Broker;

/// <summary>An agent's own code and its limited user, and a way to the real broker that fails.</summary>
public sealed class ReportLineTests : IAsyncLifetime
{
    /// <summary>As callers have it: they try again.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private const int MostTries = 100;
    private const int TimesAsFast = 3;
    private readonly string name = $"t{Guid.CreateVersion7():N}"[..30];
    private BrokerAdmin admin = null!;
    private Detour toBroker = null!;
    private IHost agent = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var amqp = new Uri(Servers.Amqp);
        toBroker = new Detour(amqp.Port);
        var address = new UriBuilder(amqp) { UserName = "", Password = "", Port = toBroker.Port }.Uri.AbsoluteUri;
        admin = new BrokerAdmin(
            Options.Create(new BrokerOptions { Uri = Servers.Amqp, ManagementUri = Servers.RabbitApi, AgentUri = address }), NullLogger<BrokerAdmin>.Instance);
        await admin.CreateAgent(name, $"agent-{name}", "secret", Cancel);
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<TimeProvider>(new HastyClock(TimesAsFast));
        builder.Services.AddBroker(new Enrolment(name, address, $"agent-{name}", "secret", "", "", 1));
        agent = builder.Build();
        await agent.StartAsync(Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await agent.StopAsync(CancellationToken.None);
        agent.Dispose();
        await toBroker.DisposeAsync();
        await admin.RemoveAgent(name, $"agent-{name}", CancellationToken.None);
        admin.Dispose();
    }

    [Fact]
    public async Task An_agent_whose_connection_has_gone_deaf_is_heard_on_another_one()
    {
        await Say();
        await Say();
        var before = toBroker.Taken;
        toBroker.LoseAnswers();
        var unheard = 0;
        for (; !await IsHeard(); unheard++)
        {
            Assert.True(unheard < MostTries);
        }
        var made = toBroker.Taken - before;
        await Say();
        Assert.InRange(unheard, 1, MostTries);
        FaultReport.Saw($"the broker's words were lost on what was open: {unheard} reports of {Patience.TotalSeconds:0} s each were not confirmed where the agent's clock goes {TimesAsFast} times as fast, then all were, on {made} new connections (one of them only knocked)");
    }

    [Fact]
    public async Task An_agent_whose_connection_is_torn_again_and_again_is_heard_each_time()
    {
        const int times = 4;
        var speaking = new List<Task<bool>>();
        for (var torn = 0; torn < times; torn++)
        {
            await Say();
            speaking.AddRange(Enumerable.Range(0, 4).Select(_ => IsHeard()));
            toBroker.HangUp();
        }
        await Say();
        var heard = (await Task.WhenAll(speaking)).Count(said => said);
        FaultReport.Saw($"torn {times} times and heard after each; of {speaking.Count} reports that were on their way {heard} were confirmed, the others are said again by who has them");
    }

    private async Task Say()
    {
        for (var tries = 0; !await IsHeard(); tries++)
        {
            Assert.True(tries < MostTries);
        }
    }

    private async Task<bool> IsHeard()
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        patience.CancelAfter(Patience);
        try
        {
            await agent.Services.GetRequiredService<ReportLine>().Send(new Report(name, Guid.CreateVersion7(), "word", "{}", DateTimeOffset.UnixEpoch, ""), patience.Token);
            return true;
        }
        catch (Exception) when (!Cancel.IsCancellationRequested)
        {
            return false;
        }
    }
}
