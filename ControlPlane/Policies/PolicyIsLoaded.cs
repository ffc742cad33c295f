using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>Nothing can be judged before the policy is here.</summary>
internal sealed class PolicyIsLoaded(PolicySource policy) : IReadiness
{
    public string Name => "policy";

    public async ValueTask<string?> WhyNot(CancellationToken cancel)
    {
        await policy.Current(cancel); // that nothing is published yet is no fault: then nothing may be asked for
        return null;
    }
}
