using System.Runtime.CompilerServices;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Sessions;

/// <summary>A session's recorded segments in order, and those still to come.</summary>
public sealed class SessionStreams(EventLog log, LogPulse pulse, TimeProvider clock)
{
    public const string Ndjson = "application/x-ndjson";
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    /// <param name="follow">Wait for the segments of a live session until its last one.</param>
    public async IAsyncEnumerable<TranscriptRecorded> Segments(Guid session, bool follow, [EnumeratorCancellation] CancellationToken cancel)
    {
        long version = 0;
        while (true)
        {
            var changed = pulse.Next;
            foreach (var stored in await log.ReadStream(session, version, cancel))
            {
                version = stored.Version;
                if (stored.Event is TranscriptRecorded recorded)
                {
                    yield return recorded;
                    follow &= !recorded.Final;
                }
            }
            if (!follow)
            {
                yield break;
            }
            await Task.WhenAny(changed, Task.Delay(LookEvery, clock, cancel));
            cancel.ThrowIfCancellationRequested();
        }
    }
}
