using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Policies;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>Break-glass access that waits for somebody's review. For as long as it does, its reviewers may read what was done with it.</summary>
public sealed class ReviewsOwed(OpenGrants open, PolicySource policy)
{
    /// <summary>The grants whose review this person could give now.</summary>
    public async ValueTask<IReadOnlySet<Guid>> To(Actor reviewer, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(reviewer);
        var owing = (await open.Current(cancel)).All.Where(g => g.Debt is { Settled: null }).ToList();
        var model = (await policy.Current(cancel)).Model;
        return owing.Where(g => model.WhyNotReviewGlass(g.Issued.Entitlement, g.Issued.Holder, reviewer) is null).Select(g => g.Id).ToHashSet();
    }
}
