using System.Collections.Immutable;
using AccessPlane.Agent.Directives;
using AccessPlane.Agent.Gate;
using AccessPlane.Agent.Recording;

namespace AccessPlane.Agent;

/// <summary>What the process has used of the machine.</summary>
/// <param name="Sessions">Open now.</param>
/// <param name="AllocatedBytes">On the managed heap since the start, collected or not: while sessions run and none begins, it stands (nearly) still.</param>
/// <param name="ResidentBytes">In memory now.</param>
/// <param name="ProcessorMilliseconds">Since the start, all threads.</param>
internal sealed record Usage(int Sessions, long AllocatedBytes, long ResidentBytes, double ProcessorMilliseconds);

/// <summary>Ready: listening, caught up, liveness lease held.</summary>
internal sealed class Health(InForce inForce, CatchUp catchUp, LiveSessions live, Spool spool)
{
    private static readonly TimeSpan Drift = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Slow = TimeSpan.FromSeconds(1);

    private ImmutableList<Func<string?>> alerts = [];

    /// <summary>Something else that may have to be looked at; null from it where it has not.</summary>
    public void Watch(Func<string?> alert) => ImmutableInterlocked.Update(ref alerts, all => all.Add(alert));

    /// <summary>Set once every listener is open.</summary>
    public bool Listening { get; set; }

    public void Map(WebApplication app)
    {
        app.MapGet("/health/live", () => Results.Text("live"));
        app.MapGet("/health/ready", () => WhyNotReady() is { } why ? Results.Text(why, statusCode: StatusCodes.Status503ServiceUnavailable) : Results.Text(ToBeLookedAt is { Length: > 0 } what ? $"ready, and to be looked at: {what}" : "ready"));
        app.MapGet("/health/usage", () => Results.Json(new Usage(
            live.Count, GC.GetTotalAllocatedBytes(), Environment.WorkingSet, Environment.CpuUsage.TotalTime.TotalMilliseconds)));
    }

    /// <summary>What stops nobody yet; empty where there is nothing.</summary>
    public string ToBeLookedAt => string.Join("; ", new[] { inForce.Warning, spool.Alert, Disk, Clock }.Concat(alerts.Select(alert => alert())).OfType<string>());

    /// <summary>Statements wait for it where their records must outlive the host.</summary>
    private string? Disk => spool.SlowestFlush is var took && took >= Slow ? $"the disk is slow: a record took {took.TotalSeconds:0} s to become durable, and statements wait for theirs" : null;

    /// <summary>Sessions do not go by this host's clock; certificates and whatever else looks at it do.</summary>
    private string? Clock => inForce.Time.HostIsAhead is var ahead && ahead.Duration() > Drift
        ? $"this host's clock is {ahead.Duration().TotalSeconds:0} s {(ahead > TimeSpan.Zero ? "ahead of" : "behind")} the control plane's"
        : null;

    public string? WhyNotReady() =>
        inForce.Halted ?? inForce.Refused ?? (
        !Listening ? "not listening yet" :
        !catchUp.IsDone ? "not caught up with the control plane" :
        inForce.LeaseAge >= inForce.Current.Policy.Model.Resources.Select(r => r.FreezeAfter).DefaultIfEmpty(TimeSpan.FromSeconds(10)).Min()
            ? "the control plane does not answer"
            : null);
}
