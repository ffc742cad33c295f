namespace AccessPlane.Contracts.Policy;

/// <summary>What the policy says of an operation, strongest last.</summary>
public enum Effect { Allow, Flag, Limit, Mask, Hold, Deny }

/// <param name="Rule">The id of the rule: an entitlement's, a guardrail's, or a built-in one's.</param>
/// <param name="Text">What the person is told: lower case, never policy text beyond the rule's own message.</param>
public sealed record Reason(string Rule, Effect Effect, string Text);

/// <summary>A decision of the policy with everything that led to it.</summary>
public sealed record Ruling(Effect Effect, IReadOnlyList<Reason> Reasons, long PolicyVersion)
{
    /// <summary>The reason that decided.</summary>
    public Reason? Deciding => Reasons.FirstOrDefault(r => r.Effect == Effect);
}
