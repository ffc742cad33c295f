using System.Collections.Immutable;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>
/// The end of the log, read once for all in this process that follow it or fold it, as far back as a bounded part of it goes: whoever is further behind
/// reads for itself. Nobody is told less than a reading of their own would have told them at that moment.
/// </summary>
public sealed class LogTail(EventLog log, LogPulse pulse, TimeProvider clock) : IDisposable
{
    private const int MostEvents = 2_000;
    private const int MostCharacters = 8 << 20;
    private const int PageSize = 500;

    /// <summary>A reading is believed for this long where no pulse says otherwise: pulses can be lost.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromMilliseconds(900);

    private readonly SemaphoreSlim one = new(1);
    private readonly List<(Stored Event, string Type)> events = [];
    private ImmutableHashSet<string>? wanted = [];

    /// <summary>Of the events, how many are let go: they go together.</summary>
    private int passed;
    private int characters;
    private long from = -1;
    private long position;
    private bool more;
    private long beat;
    private long readAt;

    /// <summary>A page of the log behind a position, as <see cref="EventLog.ReadSettled"/> gives it.</summary>
    /// <param name="types">Stored names; null for all.</param>
    /// <param name="drawn">A reading that went less far is not believed, however fresh it is.</param>
    public async Task<Settled> Read(long after, IReadOnlyCollection<string>? types, int most, CancellationToken cancel, long drawn = 0)
    {
        // before anything is looked at: what was appended before this beat is to be in what is given
        var now = pulse.Beats;
        await one.WaitAsync(cancel);
        try
        {
            Want(types);
            if (from < 0)
            {
                from = position = await log.Head(cancel);
                more = true;
            }
            if (after >= from && (after > position || position < drawn || beat < now || more || clock.GetElapsedTime(readAt) >= Fresh))
            {
                await ReadOn(cancel);
            }
            if (after >= from && after <= position)
            {
                return Kept(after, types, most);
            }
        }
        finally
        {
            one.Release();
        }
        return await log.ReadSettled(after, types, most, cancel);
    }

    /// <summary>The last position that was drawn, as <see cref="EventLog.Drawn"/> gives it.</summary>
    public Task<long> Drawn(CancellationToken cancel) => log.Drawn(cancel);

    public void Dispose() => one.Dispose();

    private async Task ReadOn(CancellationToken cancel)
    {
        var (began, at) = (pulse.Beats, clock.GetTimestamp());
        var page = await log.ReadSettled(position, wanted, PageSize, cancel);
        foreach (var e in page.Events)
        {
            events.Add((e, EventNames.Of(e.Event.GetType())));
            characters += SizeOf(e);
        }
        for (; events.Count - passed > MostEvents || characters > MostCharacters; passed++)
        {
            var oldest = events[passed].Event;
            characters -= SizeOf(oldest);
            from = oldest.Position;
        }
        if (passed > PageSize)
        {
            events.RemoveRange(0, passed);
            passed = 0;
        }
        (position, more, beat, readAt) = (page.Position, page.More, began, at);
    }

    private Settled Kept(long after, IReadOnlyCollection<string>? types, int most)
    {
        var page = new List<Stored>();
        for (var i = FirstAfter(after); i < events.Count; i++)
        {
            var (e, type) = events[i];
            if (types is null || types.Contains(type))
            {
                if (page.Count == most)
                {
                    return new Settled(page, page[^1].Position, More: true);
                }
                page.Add(e);
            }
        }
        return new Settled(page, position, more);
    }

    /// <summary>Whoever asks has seen most of them.</summary>
    private int FirstAfter(long after)
    {
        var (low, high) = (passed, events.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = events[middle].Event.Position > after ? (low, middle) : (middle + 1, high);
        }
        return low;
    }

    /// <summary>What was read without a kind of events does not do for whoever wants it.</summary>
    private void Want(IReadOnlyCollection<string>? types)
    {
        if (wanted is null || (types is not null && types.All(wanted.Contains)))
        {
            return;
        }
        wanted = types is null ? null : wanted.Union(types);
        events.Clear();
        (passed, characters, from, beat) = (0, 0, from < 0 ? from : position, -1);
    }

    /// <summary>Transcripts are what is large.</summary>
    private static int SizeOf(Stored e) => e.Event is TranscriptRecorded transcript ? transcript.Entries.Length : 1_000;
}
