using AccessPlane.Contracts.Messages;

namespace AccessPlane.ControlPlane.History;

/// <summary>How far an agent says it once was.</summary>
/// <param name="Seen">What proves it; null where it was never told anything, or forgot the proof.</param>
public sealed record Claim(string Agent, long Epoch, long Position, Witness? Seen);

/// <param name="Drawn">The last position that the log has drawn.</param>
/// <param name="Mark">The id of the event at the position that the claim's proof names; null where there is none.</param>
public readonly record struct LogThere(long Drawn, Guid? Mark);

/// <summary>Whether an agent knows more than the log. Pure.</summary>
public abstract record Regression
{
    private Regression() { }

    /// <summary>The log holds what the agent was told.</summary>
    public sealed record None : Regression;

    /// <summary>It claims more than the log holds and cannot show that it was told so: its own affair. One agent must not be able to stop all others.</summary>
    public sealed record Unproven : Regression;

    /// <summary>The control plane itself has signed what its log does not hold.</summary>
    public sealed record Proven(long Epoch, long Position) : Regression;

    /// <param name="epoch">The log's.</param>
    /// <param name="isOurs">Whether the control plane signed a proof.</param>
    public static Regression Of(long epoch, LogThere log, Claim claim, Func<Witness, bool> isOurs)
    {
        ArgumentNullException.ThrowIfNull(claim);
        ArgumentNullException.ThrowIfNull(isOurs);
        var seen = claim.Seen is { } said && said.Agent == claim.Agent ? said : null;
        if (seen is not null && (seen.Epoch > epoch || (seen.Epoch == epoch && seen.Mark is { } mark && mark != log.Mark)))
        {
            return isOurs(seen) ? new Proven(seen.Epoch, seen.Position) : new Unproven();
        }
        // what was of an epoch before this one was acknowledged to be lost
        return claim.Epoch > epoch || (claim.Epoch == epoch && claim.Position > log.Drawn) ? new Unproven() : new None();
    }
}
