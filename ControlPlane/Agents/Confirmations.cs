using System.Collections.Concurrent;
using RabbitMQ.Client.Exceptions;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>
/// What to do where the broker does not confirm what is meant for an agent. It may do so later (its memory or its disk is full, its leader is being
/// chosen), or never: a queue that is deleted takes the confirmations with it of what was on its way there, and the connection lives on. A queue may also
/// refuse. None of it may stop the word to others, so nothing is waited for but a moment: an agent that has missed an order learns so by the position that
/// its next lease names, and catches up before that lease counts; one that gets no lease freezes.
/// </summary>
public sealed class Confirmations(TimeProvider clock, TimeSpan? patience = null)
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    /// <summary>So long an agent is remembered to have made others wait.</summary>
    private static readonly TimeSpan Probation = TimeSpan.FromMinutes(10);

    /// <summary>Others do not wait as long again for whoever made them wait before: a queue that stops and goes on, and stops, is no way to hold all up.</summary>
    private const int Shorter = 20;

    private readonly TimeSpan patience = patience ?? TimeSpan.FromSeconds(2);
    private readonly ConcurrentDictionary<string, Doubt> doubts = new(StringComparer.Ordinal);

    /// <summary>
    /// Sends something to an agent. While it is in doubt whether the broker takes anything for that agent, this is tried now and then only: a broker that
    /// takes nothing for an hour does not find an hour of messages waiting.
    /// </summary>
    /// <returns>Whether the broker has it.</returns>
    public async Task<bool> Try(string agent, Func<Task> send, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(send);
        var known = doubts.GetValueOrDefault(agent);
        if (known is not null && !known.MayTry(clock))
        {
            return false;
        }
        try
        {
            var sending = Sent(agent, send());
            if (await Ends(sending, known is null ? patience : patience / Shorter, cancel))
            {
                await sending;
                return true;
            }
        }
        catch (Exception refused) when (refused.GetBaseException() is PublishException)
        {
            // said so, which is no better than silence: the agent's queue is for the agent to put right
        }
        catch when (known is not null)
        {
            Stays(agent, known); // the one trial that it allowed proved nothing: there must be another
            throw;
        }
        Stays(agent, known);
        return false;
    }

    /// <param name="last">The doubt that was to be settled; null where there was none.</param>
    private void Stays(string agent, Doubt? last) => doubts.AddOrUpdate(
        agent, _ => Doubt.Since(clock, patience), (_, now) => ReferenceEquals(now, last) ? Doubt.Since(clock, now.IsSettled ? patience : Longer(now.Pause)) : now);

    /// <summary>However late it is confirmed: the way is open again.</summary>
    private async Task Sent(string agent, Task sending)
    {
        await sending;
        if (doubts.TryGetValue(agent, out var doubt) && doubt.Settle(clock, Probation))
        {
            doubts.TryRemove(KeyValuePair.Create(agent, doubt));
        }
    }

    /// <returns>Whether it has ended in time, well or not.</returns>
    private async Task<bool> Ends(Task sending, TimeSpan time, CancellationToken cancel)
    {
        await sending.WaitAsync(time, clock, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!sending.IsCompleted)
        {
            cancel.ThrowIfCancellationRequested();
        }
        return sending.IsCompleted;
    }

    private static TimeSpan Longer(TimeSpan pause) => pause * 2 < LongestPause ? pause * 2 : LongestPause;

    /// <summary>Since when something for an agent is not confirmed, and how long nothing more is tried.</summary>
    private sealed class Doubt
    {
        private readonly long since;
        private int tried;
        private volatile bool settled;

        private Doubt(long since, TimeSpan pause) => (this.since, Pause) = (since, pause);

        public TimeSpan Pause { get; }
        public bool IsSettled => settled;

        public static Doubt Since(TimeProvider clock, TimeSpan pause) => new(clock.GetTimestamp(), pause);

        /// <summary>Once, or as often as one likes when something was confirmed since.</summary>
        public bool MayTry(TimeProvider clock) => settled || (clock.GetElapsedTime(since) >= Pause && Interlocked.Exchange(ref tried, 1) == 0);

        /// <summary>Something was confirmed.</summary>
        /// <returns>Whether it may be forgotten by now.</returns>
        public bool Settle(TimeProvider clock, TimeSpan after)
        {
            settled = true;
            return clock.GetElapsedTime(since) >= after;
        }
    }
}
