using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.ControlPlane.Resources;

/// <summary>What the policy in force says about a resource becomes what is recorded of it.</summary>
public static class RegisterResource
{
    public static Outcome Decide(Resource state, string id, PublishedPolicy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        return (state, policy.Model.Resource(id)) switch
        {
            (Resource.Registered known, { } terms) when known.Kind == terms.Kind => Outcome.Nothing,
            (_, { } terms) => Outcome.Of(new ResourceRegistered(id, terms.Kind)),
            (Resource.Registered, null) => Outcome.Of(new ResourceRetired(id, $"policy version {policy.Version} does not name it any more")),
            _ => Outcome.Nothing,
        };
    }
}
