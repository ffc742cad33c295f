using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace AccessPlane.Tests.Integration;

/// <summary>What one counter of this process counts from here on, by its only tag; other tests may count with it.</summary>
internal sealed class Counted : IDisposable
{
    private readonly ConcurrentDictionary<string, long> counts = [];
    private readonly MeterListener listener = new();

    public Counted(string counter)
    {
        listener.InstrumentPublished = (instrument, listening) =>
        {
            if (instrument.Name == counter)
            {
                listening.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) =>
            counts.AddOrUpdate(tags.IsEmpty ? "" : $"{tags[0].Value}", value, (_, n) => n + value));
        listener.Start();
    }

    public long Of(string tag = "") => counts.GetValueOrDefault(tag);

    public void Dispose() => listener.Dispose();
}
