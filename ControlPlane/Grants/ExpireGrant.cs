using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>Time is up: of an activation, of a grant, of a review that is owed. The timer may come late, early or twice.</summary>
public static class ExpireGrant
{
    /// <summary>When the grant next needs looking at; null where time changes nothing any more.</summary>
    public static DateTimeOffset? NextDeadline(Grant state)
    {
        var end = state switch
        {
            Grant.Approved g => g.Issued.ActivateBy,
            Grant.Active g => g.NotAfter,
            _ => (DateTimeOffset?)null,
        };
        var review = state is Grant.Known { Debt: { Settled: null, Defaulted: false } debt } ? debt.ReviewBy : (DateTimeOffset?)null;
        return end is null || review < end ? review : end;
    }

    public static Outcome Decide(Grant state, DateTimeOffset now)
    {
        List<IEvent> due = [];
        switch (state)
        {
            case Grant.Approved g when now >= g.Issued.ActivateBy:
                due.Add(new ActivationLapsed(g.Issued.ActivateBy));
                break;
            case Grant.Active g when now >= g.NotAfter:
                due.Add(new GrantExpired(g.NotAfter));
                break;
        }
        if (state is Grant.Known { Debt: { Settled: null, Defaulted: false } debt } && now >= debt.ReviewBy)
        {
            due.Add(new ReviewDebtDefaulted(debt.ReviewBy));
        }
        return Outcome.Of(due);
    }
}
