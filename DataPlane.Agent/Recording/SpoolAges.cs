using System.Collections.Concurrent;

namespace AccessPlane.Agent.Recording;

/// <summary>How long evidence waits on this disk. Of what an earlier process left, which waits for its keys, that is told by its files.</summary>
internal sealed class SpoolAges(TimeProvider clock)
{
    private readonly ConcurrentDictionary<Guid, long> left = [];

    /// <summary>As a timestamp.</summary>
    public long Now => clock.GetTimestamp();

    /// <summary>An earlier process left a transcript.</summary>
    /// <param name="writtenAt">When it was last written.</param>
    public void Found(Guid session, DateTimeOffset writtenAt)
    {
        var age = clock.GetUtcNow() - writtenAt;
        left[session] = Now - (age > TimeSpan.Zero ? (long)(age.TotalSeconds * clock.TimestampFrequency) : 0);
    }

    /// <summary>It is taken up.</summary>
    /// <returns>Since when it waits.</returns>
    public long TakeUp(Guid session) => left.TryRemove(session, out var since) ? since : Now;

    /// <param name="others">Since when what is not left waits.</param>
    public TimeSpan Longest(IEnumerable<long?> others) =>
        left.Values.Concat(others.OfType<long>()).DefaultIfEmpty(long.MaxValue).Min() is var since && since == long.MaxValue ? TimeSpan.Zero : clock.GetElapsedTime(since);
}
