using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.Policies;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>Break-glass access that waits for somebody's review. For as long as it does, its reviewers may read what was done with it.</summary>
public sealed class ReviewsOwed(OpenGrants open, CircumstancesSource world)
{
    private static readonly IReadOnlySet<Guid> Nothing = new HashSet<Guid>();

    /// <summary>The grants that this person is to review.</summary>
    public async ValueTask<IReadOnlySet<Guid>> To(Actor reviewer, CancellationToken cancel)
    {
        var owing = Owing(await open.Current(cancel));
        if (owing.Count == 0)
        {
            return Nothing;
        }
        var now = await world.Now(cancel);
        return owing.Where(g => SettleReviewDebt.WhyNot(g, reviewer, now) is null).Select(g => g.Id).ToHashSet();
    }

    /// <summary>Whether this person is to review that grant.</summary>
    public async ValueTask<bool> Are(Guid grant, Actor reviewer, CancellationToken cancel) =>
        Owing(await open.Current(cancel)).Find(g => g.Id == grant) is { } owing && SettleReviewDebt.WhyNot(owing, reviewer, await world.Now(cancel)) is null;

    private static List<Grant.Known> Owing(OpenGrants.Snapshot grants) => [.. grants.All.Where(g => g.Debt is { Settled: null })];
}
