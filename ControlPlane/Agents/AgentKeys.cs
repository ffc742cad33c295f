using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>The keys under which agents enrolled.</summary>
public sealed class AgentKeys(AgentStateBuilder states) : IDisposable
{
    private readonly ConcurrentDictionary<string, ECDsa> keys = new(StringComparer.Ordinal);

    /// <summary>The key that signed a report; null where it is not that of the enrolled agent the report names.</summary>
    public async ValueTask<ECDsa?> KeyOf(Report report, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(report);
        var known = await states.Current(cancel);
        if (report.Agent is null || !known.Agents.TryGetValue(report.Agent, out var enrolled))
        {
            return null;
        }
        var key = keys.GetOrAdd(enrolled.PublicKey, Import);
        lock (key)
        {
            return report.IsSignedBy(key) ? key : null;
        }
    }

    public void Dispose()
    {
        foreach (var key in keys.Values)
        {
            key.Dispose();
        }
    }

    private static ECDsa Import(string publicKey)
    {
        var key = ECDsa.Create();
        key.ImportSubjectPublicKeyInfo(Convert.FromBase64String(publicKey), out _);
        return key;
    }
}

/// <summary>What the control plane counts of its agents.</summary>
internal static class AgentMeter
{
    public const string Name = "AccessPlane.Agents";
    private static readonly Meter Meter = new(Name);

    public static Counter<long> ReportsRefused { get; } = Meter.CreateCounter<long>("accessplane.reports.refused");
}
