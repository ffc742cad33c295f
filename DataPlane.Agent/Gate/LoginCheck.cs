using AccessPlane.Agent.Directives;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Gate;

/// <summary>
/// Whether a session's login at the database still is what the policy asks for. A login cannot be changed while its session runs: one that was the
/// agent's own would see everything once the agent stopped hiding columns on the wire, one that was made for other masks would see by those.
/// </summary>
/// <param name="Why">Null where the session may go on.</param>
internal sealed record LoginCheck(Standing Standing, Ending? Why)
{
    /// <param name="now">Of a grant and a resource that are there.</param>
    public static Ending? WhyNot(Permit permit, Standing now)
    {
        if (now.Terms!.Masking != permit.Resource.Masking)
        {
            return new Ending("policy", "the policy has changed how columns are hidden: connect again");
        }
        if (permit.Resource.Masking == MaskingMode.Wire)
        {
            return null;
        }
        var (then, today) = (permit.Grant, now.Lease!);
        if (!LoginTerms.PrivilegesOf(then.Login, then.Scope).SequenceEqual(LoginTerms.PrivilegesOf(today.Login, today.Scope)) ||
            !(then.Login?.MemberOf ?? []).SequenceEqual(today.Login?.MemberOf ?? []))
        {
            return new Ending("policy", "what the grant allows in the database has changed: connect again");
        }
        return Same(permit.Masks.Masked, ServerMasks.For(now.Snapshot.Policy.Model, today.Resource, then.Holder).Masked)
            ? null
            : new Ending("policy", "the policy has changed which columns are hidden: connect again");
    }

    private static bool Same(IReadOnlyList<MaskRule> one, IReadOnlyList<MaskRule> two) =>
        one.Count == two.Count && one.Zip(two).All(pair => Same(pair.First, pair.Second));

    private static bool Same(MaskRule one, MaskRule two) => one.Id == two.Id && one.With == two.With && one.Columns.SequenceEqual(two.Columns);
}
