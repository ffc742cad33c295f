using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;

namespace AccessPlane.ControlPlane.AccessRequests;

/// <summary>Time is up for a pending request. The timer may come late, early or twice.</summary>
public static class ExpireRequest
{
    public static Outcome Decide(AccessRequest state, DateTimeOffset now) =>
        state is AccessRequest.Submitted s && now >= s.Asked.ExpiresAt ? Outcome.Of(new RequestExpired(s.Asked.ExpiresAt)) : Outcome.Nothing;
}
