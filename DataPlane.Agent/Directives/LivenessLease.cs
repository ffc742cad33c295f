using System.Collections.Concurrent;
using AccessPlane.Agent.Gate;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Directives;

/// <summary>
/// Proves over and over that the control plane's orders would arrive: a question with a nonce, its answer over the same way as the orders.
/// The lease counts from the asking, by the monotonic clock. Without it forwarding freezes (<see cref="InForce.LeaseHeld"/>, no timer needed) and
/// in the end sessions are cut. The same tick ends what time ended.
/// </summary>
internal sealed partial class LivenessLease(
    InForce inForce, LiveSessions live, Spool spool, CatchUp catchUp, Reports reports, ILogger<LivenessLease> logger) : BackgroundService
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Forgotten = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<Guid, long> asked = [];
    private long lastAsked = long.MinValue;

    /// <summary>A quarter of the smallest freeze-after, at most a second: three answers may be lost before anything freezes.</summary>
    public TimeSpan Period
    {
        get
        {
            var smallest = inForce.Current.Policy.Model.Resources.Select(r => r.FreezeAfter / 4).DefaultIfEmpty(Longest).Min();
            return smallest < Longest ? smallest : Longest;
        }
    }

    public void Renewed(Guid nonce, DateTimeOffset stamp, long arrivedAt)
    {
        if (asked.TryRemove(nonce, out var from))
        {
            inForce.Time.Sample(from, arrivedAt, stamp);
            inForce.RenewLease(from);
        }
    }

    /// <summary>Ends what may not go on: by the grants' time, by locks, by a lease too old, by a spool too full.</summary>
    internal void Enforce()
    {
        var now = inForce.Clock.GetTimestamp();
        live.CutWhatEnded(now);
        var age = inForce.LeaseAge;
        foreach (var terms in inForce.Current.Policy.Model.Resources)
        {
            if (age >= terms.KillAfter)
            {
                live.CutWhere(p => p.Resource.Id == terms.Id, "lease-lost", "the agent could not reach its control plane for too long: connect again later", now);
            }
        }
        live.Freeze(spool.Frozen);
        if (spool.MustEnd)
        {
            live.CutWhere(_ => true, "spool", "the session cannot be recorded any more: the agent's disk is full", now);
        }
    }

    internal async Task Ask(CancellationToken cancel)
    {
        var nonce = Guid.CreateVersion7(inForce.Clock.GetUtcNow());
        asked[nonce] = inForce.Clock.GetTimestamp();
        foreach (var (old, at) in asked)
        {
            if (inForce.Clock.GetElapsedTime(at) > Forgotten)
            {
                asked.TryRemove(old, out _);
            }
        }
        await reports.Send(ReportKinds.LeaseAsk, new LeaseAsk(nonce, inForce.Current.Position), cancel);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Tick, inForce.Clock);
        var asking = Task.CompletedTask;
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            Enforce();
            if (asking.IsCompleted && (lastAsked == long.MinValue || inForce.Clock.GetElapsedTime(lastAsked) >= Period - (Tick / 2)))
            {
                lastAsked = inForce.Clock.GetTimestamp();
                asking = AskBoth(stoppingToken);
            }
        }
    }

    private async Task AskBoth(CancellationToken cancel)
    {
        try
        {
            await catchUp.AskIfNeeded(cancel);
            await Ask(cancel);
        }
        catch (Exception failed) when (!cancel.IsCancellationRequested)
        {
            LogNotAsked(failed.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "the control plane was not asked for a sign of life: {Why}")]
    private partial void LogNotAsked(string why);
}
