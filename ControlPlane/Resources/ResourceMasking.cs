using System.Collections.Immutable;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.ControlPlane.Resources;

/// <summary>How the masks that PostgreSQL enforces stand in a resource's databases.</summary>
/// <param name="Found">What each agent found last, by agent and database; with the SQL of its plan.</param>
/// <param name="Ordered">The last plan that an admin ordered, by database.</param>
public sealed record ResourceMasking(
    ImmutableDictionary<(string Agent, string Database), ResourceMaskingReported> Found, ImmutableDictionary<string, ResourceMaskingOrdered> Ordered)
{
    public static ResourceMasking Nothing { get; } = new(
        ImmutableDictionary<(string Agent, string Database), ResourceMaskingReported>.Empty,
        ImmutableDictionary<string, ResourceMaskingOrdered>.Empty.WithComparers(StringComparer.Ordinal));

    public ResourceMasking With(ResourceMaskingReported found)
    {
        ArgumentNullException.ThrowIfNull(found);
        var key = (found.Agent, found.Database);
        return this with { Found = Found.SetItem(key, found with { Sql = found.Sql ?? Found.GetValueOrDefault(key)?.Sql ?? "" }) };
    }

    public ResourceMasking With(ResourceMaskingOrdered ordered)
    {
        ArgumentNullException.ThrowIfNull(ordered);
        return this with { Ordered = Ordered.SetItem(ordered.Database, ordered) };
    }

    /// <summary>What the agents that serve the resource found, by database and agent.</summary>
    public IReadOnlyList<ResourceMaskingReported> FoundBy(IReadOnlyCollection<string> serving, string? database = null) =>
    [
        .. Found.Values.Where(f => serving.Contains(f.Agent) && (database is null || f.Database == database))
            .OrderBy(f => f.Database, StringComparer.Ordinal).ThenBy(f => f.Agent, StringComparer.Ordinal),
    ];

    /// <summary>Whether a report says something that is not known.</summary>
    public bool IsNews(string agent, MaskingState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        return !(Found.TryGetValue((agent, state.Database), out var before) && before.Plan == state.Plan && before.Status == state.Status &&
            before.Reason == state.Reason && before.Findings.SequenceEqual(state.Findings));
    }
}
