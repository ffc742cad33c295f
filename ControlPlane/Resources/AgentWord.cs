using AccessPlane.Contracts;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Resources;

/// <summary>An agent is believed about the resources that it serves, while the policy in force names them.</summary>
internal static class AgentWord
{
    private const string NotRegisteredYet = "registration-unavailable";

    /// <param name="code">Of the refusal.</param>
    /// <returns>Null where it is believed: the resource is registered then.</returns>
    public static Outcome? WhyNot(Resource state, string resource, bool serves, PublishedPolicy policy, string code) =>
        !serves ? Outcome.Refuse(code, $"the agent does not serve `{resource}`")
        : policy.Model.Resource(resource) is null ? Outcome.Refuse(code, $"the policy in force does not name `{resource}`")
        : state is not Resource.Registered ? Outcome.Refuse(NotRegisteredYet, $"`{resource}` is about to be registered")
        : null;

    /// <summary>An agent may be faster with a new policy than the registration that follows from it: a little later it is there.</summary>
    /// <returns>Why it was not taken; null when it was.</returns>
    public static string? WhyNotTaken(this Handled<Resource> handled) =>
        handled.Refusal is { Code: NotRegisteredYet } early ? throw new UnavailableException(early.Code, early.Detail) : handled.Refusal?.Detail;
}
