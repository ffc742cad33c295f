using System.Diagnostics.Metrics;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>How one destination fares, as far as this replica serves it.</summary>
public sealed class DestinationState(string name)
{
    private static readonly Meter Meter = new("AccessPlane.Integrations");
    private static readonly Counter<long> Delivered = Meter.CreateCounter<long>("accessplane.integrations.delivered", description: "what a destination took: news, or events of the log");
    private static readonly Counter<long> Failures = Meter.CreateCounter<long>("accessplane.integrations.failed", description: "attempts that failed; each is tried again");
    private static readonly Counter<long> GivenUp = Meter.CreateCounter<long>("accessplane.integrations.given_up", description: "what a destination was not told: news that became too old, or what it would not have");
    private volatile Trouble? trouble;

    public string Name => name;

    /// <summary>What its last attempts failed with; null where the last one did not fail.</summary>
    internal Trouble? Now => trouble;

    /// <param name="waiting">When that which waits happened.</param>
    internal void Fails(string why, DateTimeOffset at, DateTimeOffset waiting)
    {
        Failures.Add(1, Tag);
        trouble = trouble is { } before ? before with { Why = why, Attempts = before.Attempts + 1 } : new Trouble(why, at, waiting, 1);
    }

    internal void Works(int count)
    {
        Delivered.Add(count, Tag);
        trouble = null;
    }

    internal void GaveUp()
    {
        GivenUp.Add(1, Tag);
        trouble = null;
    }

    /// <summary>Another replica serves it from now on, and knows better.</summary>
    internal void IsAnothers() => trouble = null;

    /// <summary>How old that is which waits.</summary>
    internal static ObservableGauge<double> MeasureLag(IReadOnlyList<DestinationState> all, TimeProvider clock) => Meter.CreateObservableGauge(
        "accessplane.integrations.lag",
        () => all.Select(d => new Measurement<double>(d.Now is { } now ? Math.Max(0, (clock.GetUtcNow() - now.Waiting).TotalSeconds) : 0, d.Tag)),
        "s", "age of what a destination does not take");

    private KeyValuePair<string, object?> Tag => new("destination", name);
}

/// <param name="Since">The first of the attempts that failed in a row.</param>
/// <param name="Waiting">When that which waits happened.</param>
internal sealed record Trouble(string Why, DateTimeOffset Since, DateTimeOffset Waiting, int Attempts);
