using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>The keys of agents: that of their enrolment, and those that follow it.</summary>
public sealed class AgentKeys(AgentStateBuilder states, TimeProvider clock) : IDisposable
{
    private readonly ConcurrentDictionary<string, ECDsa> keys = new(StringComparer.Ordinal);

    /// <summary>
    /// The keys with which the agent that a report names may have sealed what it holds: all it ever had, because what lies in its spool is sealed once. Null
    /// where the report itself is signed with none that is believed now.
    /// </summary>
    public async ValueTask<IReadOnlyList<ECDsa>?> KeysOf(Report report, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(report);
        var known = await states.Current(cancel);
        if (report.Agent is null || !known.Agents.ContainsKey(report.Agent) || !known.Keys.TryGetValue(report.Agent, out var history) || !history.Believed(clock.GetUtcNow()).Any(IsSigner))
        {
            return null;
        }
        return [.. history.All.Reverse().Select(k => keys.GetOrAdd(k, Import))];

        bool IsSigner(string publicKey)
        {
            var key = keys.GetOrAdd(publicKey, Import);
            lock (key)
            {
                return report.IsSignedBy(key);
            }
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
