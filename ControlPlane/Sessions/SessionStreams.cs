using System.Runtime.CompilerServices;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Sessions;

/// <summary>A session's recorded segments in order, and those still to come.</summary>
public sealed class SessionStreams(EventLog log, LogPulse pulse, TimeProvider clock)
{
    public const string Ndjson = "application/x-ndjson";

    /// <summary>A long session's transcript does not fit into the memory.</summary>
    private const int AtOnce = 32;
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    /// <param name="session">Whose.</param>
    /// <param name="followUntil">Wait for the segments of a live session until its last one, and no longer than this; null: what is there by now.</param>
    public async IAsyncEnumerable<TranscriptRecorded> Segments(Guid session, DateTimeOffset? followUntil, [EnumeratorCancellation] CancellationToken cancel)
    {
        long version = 0;
        var follow = followUntil is not null;
        while (true)
        {
            var changed = pulse.Next;
            IReadOnlyList<Stored> page;
            do
            {
                page = await log.ReadStream(session, version, AtOnce, cancel);
                foreach (var stored in page)
                {
                    version = stored.Version;
                    if (stored.Event is TranscriptRecorded recorded)
                    {
                        if (clock.GetUtcNow() >= followUntil)
                        {
                            yield break; // who reads slowly gets no more either
                        }
                        yield return recorded;
                        follow &= !recorded.Final;
                    }
                }
            }
            while (page.Count == AtOnce);
            var left = followUntil - clock.GetUtcNow();
            if (!follow || left <= TimeSpan.Zero)
            {
                yield break;
            }
            await Task.WhenAny(changed, Task.Delay(left < LookEvery ? left.Value : LookEvery, clock, cancel));
            cancel.ThrowIfCancellationRequested();
        }
    }
}
