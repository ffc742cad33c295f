using System.Collections.Concurrent;
using AccessPlane.Agent.Directives;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Gate;

/// <summary>Brings the control plane's decisions to the operations that wait for them. Written once for all protocols.</summary>
/// <param name="send">Hands a report over; completes when it was taken.</param>
/// <param name="post">Hands a report over some time.</param>
public sealed class HoldDesk(InForce inForce, Func<string, object, CancellationToken, Task> send, Action<string, object> post)
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(500);
    private readonly ConcurrentDictionary<Guid, Action<HoldDecision>> parked = [];

    /// <summary>When a time that begins now is over by the control plane's clock: rather too early than too late.</summary>
    public DateTimeOffset Until(TimeSpan patience)
    {
        var until = (inForce.Time.Known ? inForce.Time.Earliest : inForce.Clock.GetUtcNow()) + patience;
        return until.AddTicks(-(until.Ticks % TimeSpan.TicksPerMicrosecond));
    }

    /// <summary>Asks, and asks again while nobody takes the question; a decision may come from then on until <see cref="Forget"/>.</summary>
    /// <param name="over">The answer is not wanted any more.</param>
    public async Task Ask(Guid hold, Func<CancellationToken, Task<HeldOperation>> question, Action<HoldDecision> decided, CancellationToken over)
    {
        parked[hold] = decided;
        try
        {
            var held = await question(over);
            while (!await Sent(held, over))
            {
                await Task.Delay(RetryAfter, inForce.Clock, over);
            }
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested)
        {
            return; // it has ended before anyone could be asked
        }
    }

    public void Forget(Guid hold) => parked.TryRemove(hold, out _);

    /// <summary>It has ended here.</summary>
    public void Tell(HoldEnd end) => post(ReportKinds.HoldEnded, end);

    /// <summary>The control plane's word. One for an operation that is not parked here any more changes nothing.</summary>
    public void Decided(HoldDecision decision)
    {
        ArgumentNullException.ThrowIfNull(decision);
        if (parked.TryGetValue(decision.Hold, out var decided))
        {
            decided(decision);
        }
    }

    private async Task<bool> Sent(HeldOperation held, CancellationToken over)
    {
        try
        {
            await send(ReportKinds.OperationHeld, held, over);
            return true;
        }
        catch (Exception) when (!over.IsCancellationRequested)
        {
            return false; // the broker is away: the deadline decides how long it is tried
        }
    }
}
