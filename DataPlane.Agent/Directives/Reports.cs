using System.Text.Json;
using System.Threading.Channels;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Directives;

/// <summary>Signed messages to the control plane: <see cref="Send"/> for what has its own retry, <see cref="Post"/> for what must arrive some time.</summary>
/// <param name="publish">Hands a report to the broker; completes when the broker confirmed it.</param>
internal sealed partial class Reports(AgentIdentity identity, Func<Report, CancellationToken, Task> publish, TimeProvider clock, ILogger<Reports> logger)
    : BackgroundService
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(500);

    private readonly Channel<(string Kind, object Body)> posted = Channel.CreateUnbounded<(string, object)>(new() { SingleReader = true });
    private long applied;
    private int appliedPosted;

    /// <summary>Of what this agent was told of the control plane's keys.</summary>
    public string Ring => identity.Ring;

    /// <summary>What the control plane knows of this agent's own key, and wants of it.</summary>
    public void Take(AgentKeyWord word)
    {
        if (identity.Take(word) is { } next)
        {
            Post(ReportKinds.AgentKey, next);
        }
    }

    public async Task Send(string kind, object body, CancellationToken cancel)
    {
        var report = new Report(identity.Id, Guid.CreateVersion7(clock.GetUtcNow()), kind, JsonSerializer.Serialize(body, body.GetType(), Json.Options), Now(), "");
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(Patience);
        await publish(identity.Sign(report), patience.Token);
    }

    public void Post(string kind, object body) => posted.Writer.TryWrite((kind, body));

    /// <summary>Everything up to here is in force. Only the newest such word is worth sending.</summary>
    public void PostApplied(long position)
    {
        Volatile.Write(ref applied, position);
        if (Interlocked.Exchange(ref appliedPosted, 1) == 0)
        {
            Post(ReportKinds.Applied, this);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var (kind, body) in posted.Reader.ReadAllAsync(stoppingToken))
        {
            while (!await TrySend(kind, body, stoppingToken))
            {
                await Task.Delay(RetryAfter, clock, stoppingToken);
            }
        }
    }

    private async Task<bool> TrySend(string kind, object body, CancellationToken cancel)
    {
        try
        {
            if (ReferenceEquals(body, this))
            {
                Volatile.Write(ref appliedPosted, 0);
                await Send(kind, new Applied(Volatile.Read(ref applied)), cancel);
            }
            else
            {
                await Send(kind, body, cancel);
            }
            return true;
        }
        catch (Exception failed) when (!cancel.IsCancellationRequested)
        {
            LogNotSent(kind, failed.Message);
            return false;
        }
    }

    /// <summary>To the microsecond, as the JSON dialect writes it: what is signed must survive the journey.</summary>
    private DateTimeOffset Now()
    {
        var now = clock.GetUtcNow();
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "the report `{Kind}` waits, the broker did not take it: {Why}")]
    private partial void LogNotSent(string kind, string why);
}
