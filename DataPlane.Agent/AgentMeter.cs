using System.Diagnostics.Metrics;
using AccessPlane.Agent.Directives;
using AccessPlane.Agent.Gate;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent;

/// <summary>What the agent counts.</summary>
public static class AgentMeter
{
    public const string Name = "AccessPlane.Agent";

    private static readonly Meter Meter = new(Name);

    /// <summary>Orders that were forged, replayed, from before what the agent saw, or unreadable.</summary>
    public static Counter<long> DirectivesRefused { get; } = Meter.CreateCounter<long>("accessplane.directives.refused");

    /// <summary>From an order's arrival at the agent to no byte of the session passing any more.</summary>
    public static Histogram<double> RevocationCut { get; } = Meter.CreateHistogram<double>("accessplane.revocation.cut", "ms");

    public static Counter<long> Operations { get; } = Meter.CreateCounter<long>("accessplane.operations");
    public static Counter<long> OperationsRefused { get; } = Meter.CreateCounter<long>("accessplane.operations.refused");
    public static Counter<long> LoginsRefused { get; } = Meter.CreateCounter<long>("accessplane.logins.refused");

    /// <summary>Connections that have not proven who they are, now.</summary>
    public static UpDownCounter<long> Strangers { get; } = Meter.CreateUpDownCounter<long>("accessplane.strangers");

    /// <summary>Connections that found no place in front of a door; `bound` is `address`, `all`, `pace` or `failures`.</summary>
    public static Counter<long> StrangersRefused { get; } = Meter.CreateCounter<long>("accessplane.strangers.refused");

    internal static void Recorded(Effect effect)
    {
        Operations.Add(1);
        if (effect == Effect.Deny)
        {
            OperationsRefused.Add(1);
        }
    }

    internal static void Watch(InForce inForce, LiveSessions live, Spool spool)
    {
        Meter.CreateObservableGauge("accessplane.sessions.live", () => live.Count);
        Meter.CreateObservableGauge("accessplane.spool.bytes", () => spool.Bytes, "By");
        Meter.CreateObservableGauge("accessplane.spool.fullness", () => spool.Fullness, "1");
        Meter.CreateObservableGauge("accessplane.spool.waiting", () => spool.Waiting.TotalSeconds, "s");
        Meter.CreateObservableGauge("accessplane.record.flush", () => spool.SlowestFlush.TotalMilliseconds, "ms");
        Meter.CreateObservableGauge("accessplane.clock.ahead", () => inForce.Time.HostIsAhead.TotalMilliseconds, "ms");
        Meter.CreateObservableGauge("accessplane.lease.age", () => Math.Min(inForce.LeaseAge.TotalMilliseconds, 1e9), "ms");
        live.SessionCut += (cause, took) => RevocationCut.Record(took.TotalMilliseconds, new KeyValuePair<string, object?>("cause", cause));
    }
}
