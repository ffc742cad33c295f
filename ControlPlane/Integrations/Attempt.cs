namespace AccessPlane.ControlPlane.Integrations;

/// <summary>How one attempt to deliver ended.</summary>
/// <param name="Failure">In our words: what a receiver answers is never repeated; null where it took it.</param>
/// <param name="RetryAfter">How long the receiver wants to be left alone.</param>
/// <param name="OfThis">It is this message that the receiver will not have: others it may take.</param>
internal sealed record Attempt(string? Failure = null, TimeSpan? RetryAfter = null, bool OfThis = false)
{
    public static Attempt Delivered { get; } = new();

    public static Attempt Unwanted(string why) => new(why, OfThis: true);

    public static Attempt Failed(string why, TimeSpan? retryAfter = null) => new(why, retryAfter);
}
