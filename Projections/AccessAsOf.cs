using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Projections;

/// <summary>One grant as a history of what it allowed.</summary>
/// <param name="Spans">In order, each from when the log says it came into force.</param>
/// <param name="EndedAt">When it ended early; what was allowed ends there at the latest.</param>
public sealed record AccessRow(
    Guid Grant, Actor Holder, string Entitlement, string Resource, IReadOnlyList<AccessSpan> Spans, DateTimeOffset? EndedAt, string? EndedBy)
{
    /// <summary>What the grant allowed at an instant; null where it allowed nothing.</summary>
    public AccessSpan? At(DateTimeOffset instant)
    {
        if (EndedAt <= instant)
        {
            return null;
        }
        var span = Spans.LastOrDefault(s => s.From <= instant);
        return span is not null && instant < span.NotAfter ? span : null;
    }
}

public sealed record AccessSpan(DateTimeOffset From, DateTimeOffset NotAfter, Scope Scope, long PolicyVersion);

/// <summary>Who could do what at any instant, and by which grant: from the log alone.</summary>
public sealed class AccessAsOf() : Projection<AccessRow>(
    "access-as-of",
    typeof(GrantIssued), typeof(GrantActivated), typeof(GrantExtended), typeof(GrantNarrowed), typeof(GrantRevoked), typeof(GrantSurrendered), typeof(GrantExpired))
{
    public override IReadOnlyList<string> Columns =>
    [
        "resource text GENERATED ALWAYS AS (row ->> 'resource') STORED",
    ];

    public override IReadOnlyList<(string Name, string Definition)> Indexes =>
    [
        ("resource", "(resource, key)"),
    ];

    public override IEnumerable<Change> Changes(Stored stored)
    {
        ArgumentNullException.ThrowIfNull(stored);
        var key = stored.Stream.ToString("D");
        yield return stored.Event switch
        {
            GrantIssued e => Begin(key, new AccessRow(e.Grant, e.Holder, e.Entitlement, e.Resource, [], null, null)),
            GrantActivated e => Update(key, row => row with { Spans = [.. row.Spans, new AccessSpan(stored.At, e.NotAfter, e.Scope, e.PolicyVersion)] }),
            GrantExtended e => Update(key, row => row.Spans is [.., var last] ? row with { Spans = [.. row.Spans, last with { From = stored.At, NotAfter = e.NotAfter }] } : row),
            GrantNarrowed e => Update(key, row => row with { Spans = [.. row.Spans, new AccessSpan(stored.At, e.NotAfter, e.Scope, e.PolicyVersion)] }),
            GrantRevoked e => Update(key, row => row with { EndedAt = stored.At, EndedBy = $"revoked by {e.By.Display}: {e.Why}" }),
            GrantSurrendered e => Update(key, row => row with { EndedAt = stored.At, EndedBy = $"surrendered by {e.By.Display}" }),
            GrantExpired e => Update(key, row => row with { EndedAt = e.Due, EndedBy = "expired" }),
            _ => Update(key, row => row),
        };
    }
}
