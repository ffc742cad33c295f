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

    private static readonly string Version = typeof(LivenessLease).Assembly.GetName().Version?.ToString(3) ?? "";

    private readonly ConcurrentDictionary<Guid, Question> asked = [];
    private readonly HashSet<Guid> told = [];
    private long lastAsked = long.MinValue;
    private volatile Contest? contest;
    private volatile bool withdrawn;

    /// <summary>Another process has this agent's identity, and the lease: this one stops listening, and takes nothing away from the other one any more.</summary>
    public Action Withdraw { get; set; } = () => { };

    /// <summary>A quarter of the smallest freeze-after, at most a second: three answers may be lost before anything freezes.</summary>
    public TimeSpan Period
    {
        get
        {
            var smallest = inForce.Current.Policy.Model.Resources.Select(r => r.FreezeAfter / 4).DefaultIfEmpty(Longest).Min();
            return smallest < Longest ? smallest : Longest;
        }
    }

    public void Renewed(LeaseAnswer answer, DateTimeOffset stamp, long arrivedAt)
    {
        Heard(answer.Contest);
        if (asked.TryRemove(answer.Nonce, out var question))
        {
            inForce.Time.Sample(question.At, arrivedAt, stamp);
            inForce.RenewLease(question.At);
            inForce.Refuse(null);
            spool.Witnessed = new Witnessed(Witnessed.LogOf(catchUp.Known.Epoch, answer.Server ?? ""), answer.Covered);
            if (answer.Key is { } word)
            {
                reports.Take(word);
            }
            if (inForce.Warn(answer.Warning) && answer.Warning is { } warning)
            {
                LogWarned(warning);
            }
        }
    }

    /// <summary>The control plane gives no lease, for a reason that this agent's operator must hear of.</summary>
    public void Refused(LeaseRefusal refusal)
    {
        Heard(refusal.Contest);
        if (!asked.TryRemove(refusal.Nonce, out _))
        {
            return;
        }
        if (inForce.Refuse(refusal.Why))
        {
            LogRefused(refusal.Cause, refusal.Why);
        }
        if (refusal.Cause == "clone" && !withdrawn)
        {
            withdrawn = true;
            Withdraw();
        }
        if (refusal.Rollback is { } rollback && told.Add(rollback))
        {
            // once for all: what it knows does not change while nobody tells it anything
            var (known, snapshot) = (catchUp.Known, inForce.Current);
            var started = snapshot.Position == 0;
            reports.Post(ReportKinds.Knows, new AgentKnows(
                rollback, known.Epoch, known.Position, snapshot.Policy.Version, started ? null : [.. snapshot.Grants.Keys], started ? null : [.. snapshot.Locks.Values],
                known.Seen));
        }
    }

    /// <summary>An answer from before what was known. Messages overtake each other; but one that is from before what the question itself said is of a control
    /// plane that has forgotten it.</summary>
    public void Behind(Guid nonce, long position)
    {
        if (asked.TryRemove(nonce, out var question) && position < question.Position)
        {
            var why = $"the control plane's log was set back: it answers from position {position}, and this agent was told of {question.Position}";
            if (inForce.Refuse(why))
            {
                LogRefused("behind", why);
            }
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
        var (position, known) = (inForce.Current.Position, catchUp.Known);
        asked[nonce] = new Question(inForce.Clock.GetTimestamp(), catchUp.IsDone ? position : 0);
        foreach (var (old, question) in asked)
        {
            if (inForce.Clock.GetElapsedTime(question.At) > Forgotten)
            {
                asked.TryRemove(old, out _);
            }
        }
        var condition = new AgentCondition(Version, live.Count, Math.Round(spool.Fullness, 3), (int)spool.Waiting.TotalSeconds);
        await reports.Send(ReportKinds.LeaseAsk, new LeaseAsk(nonce, known.Position, known.Epoch, inForce.Instance, contest?.Id, known.Seen, reports.Ring, condition), cancel);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Tick, inForce.Clock);
        var asking = Task.CompletedTask;
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            Enforce();
            if (!withdrawn && asking.IsCompleted && (lastAsked == long.MinValue || inForce.Clock.GetElapsedTime(lastAsked) >= Period - (Tick / 2)))
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

    /// <summary>Whoever it was said to: answers for two processes with one identity come to either.</summary>
    private void Heard(Guid? said)
    {
        if (said is { } id)
        {
            contest = new Contest(id);
        }
    }

    private sealed record Contest(Guid Id);

    /// <param name="Position">What the agent knew when it asked.</param>
    private readonly record struct Question(long At, long Position);

    [LoggerMessage(Level = LogLevel.Critical, Message = "nobody new is admitted ({Cause}): {Why}")]
    private partial void LogRefused(string cause, string why);

    [LoggerMessage(Level = LogLevel.Critical, Message = "the control plane warns: {Why}")]
    private partial void LogWarned(string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the control plane was not asked for a sign of life: {Why}")]
    private partial void LogNotAsked(string why);
}
