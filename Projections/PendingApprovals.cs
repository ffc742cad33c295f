using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;

namespace AccessPlane.Projections;

/// <summary>What waits for reviewers: the requests that nobody has closed. A row leaves when its request is closed.</summary>
public sealed class PendingApprovals() : Projection<RequestRow>(
    "pending-approvals",
    typeof(RequestSubmitted), typeof(ReviewGiven), typeof(ReviewLapsed), typeof(ReviewRefused), typeof(RequestApproved), typeof(RequestDenied),
    typeof(RequestExpired), typeof(RequestCancelled))
{
    public override IReadOnlyList<string> Columns => [Requests.BySubmission];

    public override string Newest => Requests.SubmittedIn;

    public override IReadOnlyList<(string Name, string Definition)> Indexes => [(Requests.SubmittedIn, $"({Requests.SubmittedIn})")];

    public override IEnumerable<Change> Changes(Stored stored)
    {
        ArgumentNullException.ThrowIfNull(stored);
        var key = stored.Stream.ToString("D");
        yield return stored.Event switch
        {
            RequestApproved or RequestDenied or RequestExpired or RequestCancelled => Update(key, _ => null),
            _ => Requests.Apply(stored, key),
        };
    }
}
