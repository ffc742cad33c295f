using System.Threading.Channels;
using AccessPlane.Contracts;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>Something that is due at a time.</summary>
public sealed record Deadline(Guid Stream, DateTimeOffset At);

/// <summary>
/// A durable timer: what is due is a question to the log, so nothing is forgotten by a restart, and what was acted on is gone from it. New events
/// wake it, and it wakes itself for the next deadline. Late, early or twice does no harm: deciders compute every expiry themselves.
/// </summary>
public abstract partial class Deadlines(TimeProvider clock, ILogger logger) : Subscription, IAsyncDisposable
{
    private static readonly TimeSpan LongestSleep = TimeSpan.FromHours(1);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    // one look answers every wake until then, so one that is waiting is enough
    private readonly Channel<bool> wakes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly HashSet<Deadline> acted = [];
    private CancellationTokenSource ending = new();
    private Task? running;

    /// <summary>Every deadline that is still open, as of the log's head.</summary>
    protected abstract Task<IReadOnlyList<Deadline>> Open(CancellationToken cancel);

    /// <summary>A deadline has come. Must be safe to repeat.</summary>
    protected abstract Task Act(Guid stream, DateTimeOffset now, CancellationToken cancel);

    public override Task Begin(long checkpoint, CancellationToken cancel)
    {
        if (running is null)
        {
            ending.Dispose();
            ending = new CancellationTokenSource();
            var stopping = ending.Token;
            running = Task.Run(() => Run(stopping), CancellationToken.None);
        }
        else
        {
            wakes.Writer.TryWrite(true);
        }
        return Task.CompletedTask;
    }

    /// <summary>Whoever is not the owner any more acts on nothing: the log beneath it may be another one when it wakes up next.</summary>
    public override async Task End()
    {
        await ending.CancelAsync();
        if (running is not null)
        {
#pragma warning disable VSTHRD003 // it runs on the pool since Begin and needs no context of ours
            await running;
#pragma warning restore VSTHRD003
        }
        running = null;
    }

    public override Task Handle(IReadOnlyList<Stored> events, CancellationToken cancel)
    {
        wakes.Writer.TryWrite(true);
        return Task.CompletedTask;
    }

    private async Task Run(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var sleep = await ActOnWhatIsDue(stopping);
                await SleepOrWake(sleep, stopping);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failed)
            {
                // INVARIANT: the timer outlives every failure of what it needs; nothing is let through meanwhile, because deciders do not rely on it
                LogRetry(logger, Name, failed);
                await Task.WhenAny(Task.Delay(RetryAfter, clock, stopping));
            }
        }
    }

    /// <returns>How long nothing more is due.</returns>
    private async Task<TimeSpan> ActOnWhatIsDue(CancellationToken cancel)
    {
        var open = await Open(cancel);
        acted.IntersectWith(open); // what the log does not list any more need not be remembered
        var now = clock.GetUtcNow();
        foreach (var due in open.Where(d => d.At <= now && !acted.Contains(d)).OrderBy(d => d.At))
        {
            await Act(due.Stream, now, cancel);
            // the log's head may settle a little later than the append: remembered, it is not acted on again and again until then
            acted.Add(due);
        }
        var next = open.Where(d => d.At > now).Select(d => d.At - now).DefaultIfEmpty(LongestSleep).Min();
        return next < LongestSleep ? next : LongestSleep;
    }

    private async Task SleepOrWake(TimeSpan sleep, CancellationToken stopping)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        await Task.WhenAny(Task.Delay(sleep, clock, over.Token), wakes.Reader.WaitToReadAsync(over.Token).AsTask());
        await over.CancelAsync();
        wakes.Reader.TryRead(out _);
        stopping.ThrowIfCancellationRequested();
    }

    public async ValueTask DisposeAsync()
    {
        await End();
        ending.Dispose();
        GC.SuppressFinalize(this);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "the timer {Timer} could not act and tries again")]
    private static partial void LogRetry(ILogger logger, string timer, Exception failed);
}
