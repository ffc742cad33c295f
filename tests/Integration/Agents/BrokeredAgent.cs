using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using AccessPlane.Agent;
using AccessPlane.Agent.Directives;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.ControlPlane.Keys;
using AccessPlane.Tests.Integration.Wire;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>A whole agent at a real broker with its own limited user; at the other end the test hears its reports, and sends by the control plane's own code.</summary>
internal sealed class BrokeredAgent : IAsyncDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(90);
    private readonly StateFolder state = new();
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly BlockingCollection<Report> reports = [];
    private readonly IHost controlPlane;
    private readonly Enrolment enrolment;
    private IHost process;

    private BrokeredAgent(BrokerOptions options)
    {
        Keys = new SigningKeys(state.File("keys"));
        Admin = new BrokerAdmin(Options.Create(options), NullLogger<BrokerAdmin>.Instance);
        var amqp = new Uri(options.Uri);
        controlPlane = BusHost.Of(bus => bus.UsingRabbitMq((_, rabbit) =>
        {
            rabbit.Host(amqp);
            rabbit.ReceiveEndpoint($"{Name}-reports", endpoint =>
            {
                endpoint.AutoDelete = true;
                endpoint.ConfigureConsumeTopology = false;
                endpoint.Bind(Topology.AgentReports(Name), bind => bind.ExchangeType = "fanout");
                endpoint.Handler<Report>(context =>
                {
                    reports.Add(context.Message);
                    return Task.CompletedTask;
                });
            });
        }));
        ToBroker = new Detour(amqp.Port);
        enrolment = new Enrolment(
            Name, new UriBuilder(options.AgentUri) { Port = ToBroker.Port }.Uri.ToString(), User, "secret", Keys.SigningPublicKey, Keys.EncryptionPublicKey, 1);
        process = Process();
    }

    public string Name { get; } = $"t{Guid.CreateVersion7():N}"[..30];
    public string User => $"agent-{Name}";
    public ECDsa Key => key;
    public SigningKeys Keys { get; }
    public BrokerAdmin Admin { get; }

    /// <summary>The agent's way to its broker.</summary>
    public Detour ToBroker { get; }

    /// <summary>The control plane's, to the agent.</summary>
    public AgentLine Line => LineOf(Keys);

    public IServiceProvider Services => process.Services;
    public InForce InForce => Services.GetRequiredService<InForce>();

    public static AgentState Nothing { get; } = new(new PublishedPolicy(1, "h", PolicyModel.Empty), ["orders"], [], [], [], []);

    public static async Task<BrokeredAgent> Start()
    {
        var amqp = new Uri(Servers.Need("ACCESSPLANE_TEST_AMQP"));
        var agent = new BrokeredAgent(new BrokerOptions
        {
            Uri = amqp.ToString(),
            ManagementUri = Servers.Need("ACCESSPLANE_TEST_RABBIT_API"),
            AgentUri = new UriBuilder(amqp) { UserName = "", Password = "" }.Uri.ToString(),
        });
        var cancel = TestContext.Current.CancellationToken;
        await agent.Admin.CreateAgent(agent.Name, agent.User, "secret", cancel);
        await Task.WhenAll(agent.controlPlane.StartAsync(cancel), agent.process.StartAsync(cancel));
        return agent;
    }

    /// <summary>The process ends, and another one takes up what it left.</summary>
    public async Task Restart(CancellationToken cancel)
    {
        await process.StopAsync(cancel);
        process.Dispose();
        process = Process();
        await process.StartAsync(cancel);
    }

    public string File(string name) => state.File(name);

    public AgentLine LineOf(SigningKeys keys) => new(Send, keys, _ => ValueTask.FromResult(1L), TimeProvider.System);

    /// <summary>The next report of one of these kinds; others before it are passed over.</summary>
    public Report Next(params string[] kinds)
    {
        var since = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(since) < Soon && reports.TryTake(out var report, Soon))
        {
            Assert.True(report.IsSignedBy(key));
            if (kinds.Contains(report.Kind))
            {
                return report;
            }
        }
        throw new TimeoutException($"no `{string.Join("` and no `", kinds)}` came");
    }

    /// <summary>Whatever it said up to now is not looked at.</summary>
    public void PassOver()
    {
        while (reports.TryTake(out _))
        {
        }
    }

    public bool Says(string kind, TimeSpan within) => reports.TryTake(out var report, within) && report.Kind == kind;

    public async Task HasLease(CancellationToken cancel)
    {
        while (InForce.LeaseAge > Soon)
        {
            await InForce.Changed.Next.WaitAsync(Soon, cancel);
        }
    }

    public static T Body<T>(Report report) => JsonSerializer.Deserialize<T>(report.Body, Json.Options)!;

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(process.StopAsync(), controlPlane.StopAsync());
        process.Dispose();
        controlPlane.Dispose();
        await ToBroker.DisposeAsync();
        await Admin.RemoveAgent(Name, User, CancellationToken.None);
        Admin.Dispose();
        Keys.Dispose();
        key.Dispose();
        reports.Dispose();
        state.Dispose();
    }

    private IHost Process()
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        AgentHost.AddAgent(builder.Services, new AgentConfig(Name, "http://127.0.0.1:1", state.File("agent"), "http://127.0.0.1:1", []), new AgentIdentity(enrolment, key));
        var host = builder.Build();
        AgentHost.Begin(host.Services);
        return host;
    }

    private async Task Send(string exchange, Directive directive, CancellationToken cancel) =>
        await (await controlPlane.Services.GetRequiredService<IBus>().GetSendEndpoint(new Uri($"exchange:{exchange}"))).Send(directive, cancel);
}
