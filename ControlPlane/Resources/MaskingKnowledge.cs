using System.Collections.Immutable;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Resources;

/// <summary>How PostgreSQL's masks stand in one database, as one agent found.</summary>
public sealed record MaskingStanding(string Resource, string Agent, string Database, MaskingStatus Status, string? Reason);

/// <summary>How PostgreSQL's masks stand everywhere: whether a session could open at all. Where nothing was reported yet nothing is known, and the agent decides.</summary>
public sealed record MaskingKnowledge(ImmutableDictionary<(string Resource, string Agent, string Database), MaskingStanding> Standings)
{
    /// <summary>The summary of a resource whose masks are enforced.</summary>
    public const string Ready = "server ready";

    public static MaskingKnowledge Nothing { get; } = new(ImmutableDictionary<(string Resource, string Agent, string Database), MaskingStanding>.Empty);

    /// <summary>Stored names of the events that matter.</summary>
    public static IReadOnlyList<string> Types { get; } = [.. new[] { typeof(ResourceMaskingReported), typeof(AgentRetired) }.Select(EventNames.Of)];

    public static MaskingKnowledge Fold(MaskingKnowledge known, Stored stored)
    {
        ArgumentNullException.ThrowIfNull(known);
        ArgumentNullException.ThrowIfNull(stored);
        return stored.Event switch
        {
            ResourceMaskingReported r => new MaskingKnowledge(known.Standings.SetItem(
                (r.Resource, r.Agent, r.Database), new MaskingStanding(r.Resource, r.Agent, r.Database, r.Status, r.Reason))),
            AgentRetired a => new MaskingKnowledge(known.Standings.RemoveRange(known.Standings.Keys.Where(k => k.Agent == a.Agent))),
            _ => throw new InvalidOperationException($"`{stored.Event.GetType().Name}` is not about masks"),
        };
    }

    /// <summary>In few words, for whoever may ask for access: the worst that an agent found.</summary>
    public string Summary(ResourceTerms terms)
    {
        ArgumentNullException.ThrowIfNull(terms);
        if (terms.Masking == MaskingMode.Wire)
        {
            return "wire";
        }
        var its = Standings.Values.Where(s => s.Resource == terms.Id).OrderBy(s => s.Database, StringComparer.Ordinal).ThenBy(s => s.Agent, StringComparer.Ordinal).ToList();
        return its.Find(s => s.Status == MaskingStatus.Unavailable) is { } broken ? $"server unavailable: `{broken.Database}`: {Why(broken)}"
            : its.Find(s => s.Status == MaskingStatus.Planned) is { } planned ? $"server planned: `{planned.Database}` waits for an admin to apply the plan"
            : its.Count > 0 ? Ready
            : "server not reported yet";
    }

    /// <summary>Why no session of a database can open at an agent; null where it can, or nobody knows.</summary>
    public string? WhyNot(ResourceTerms terms, string agent, string database)
    {
        ArgumentNullException.ThrowIfNull(terms);
        if (terms.Masking == MaskingMode.Wire || !Standings.TryGetValue((terms.Id, agent, database), out var its))
        {
            return null;
        }
        return its.Status switch
        {
            MaskingStatus.Ready => null,
            MaskingStatus.Planned => $"PostgreSQL is to enforce the masks of `{database}`, and no admin has applied the plan for it yet: ask one to look at " +
                $"`GET /v1/resources/{terms.Id}/masking`",
            _ => $"PostgreSQL cannot enforce the masks of `{database}`, so that no session of it opens: {Why(its)}; ask an admin to look at " +
                $"`GET /v1/resources/{terms.Id}/masking`",
        };
    }

    private static string Why(MaskingStanding its) => its.Reason ?? "its agent gave no reason";
}

/// <summary>Each replica folds it for itself.</summary>
public sealed class MaskingSource(LogTail tail) : IDisposable
{
    private readonly LogFold<MaskingKnowledge> fold = new(tail, MaskingKnowledge.Nothing, [.. MaskingKnowledge.Types], MaskingKnowledge.Fold);

    public ValueTask<MaskingKnowledge> Current(CancellationToken cancel) => fold.Current(cancel);

    public void Dispose() => fold.Dispose();
}
