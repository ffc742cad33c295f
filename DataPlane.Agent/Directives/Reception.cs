using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Directives;

/// <summary>What the agent does with a message that claims to be a directive. Pure.</summary>
internal abstract record Reception
{
    private Reception() { }

    /// <summary>Not from the control plane, not for this agent, or from before what it saw: it changes nothing, and is counted.</summary>
    public sealed record Refuse(string Why) : Reception;

    /// <summary>Applied already, or covered by the state that was asked for.</summary>
    public sealed record Ignore : Reception;

    /// <summary>Something before it is missing: ask for the state. What it takes away is taken away at once.</summary>
    public sealed record Gap : Reception;

    public sealed record Apply : Reception;

    /// <summary>The whole state, replacing what was there.</summary>
    public sealed record Replace : Reception;

    /// <summary>An answer to something the agent asked.</summary>
    public sealed record Answer : Reception;

    /// <summary>A lease from before what this agent knows: late, or of a control plane that went back in time.</summary>
    public sealed record Behind(string Why) : Reception;

    /// <summary>An order that this version does not know: ignoring it would be unsafe.</summary>
    public sealed record Halt : Reception;

    /// <param name="isGenuine">Whether it is signed by the control plane.</param>
    /// <param name="known">The highest epoch and position applied or remembered.</param>
    /// <param name="caughtUp">Whether there is a state at all to apply it to.</param>
    public static Reception Of(Directive directive, string agent, Func<Directive, bool> isGenuine, Remembered known, bool caughtUp)
    {
        if (directive.Agent != agent)
        {
            return new Refuse("it is for another agent");
        }
        if (!isGenuine(directive))
        {
            return new Refuse("its signature is not the control plane's");
        }
        if (directive.Kind == DirectiveKinds.LeaseRefused)
        {
            return new Answer(); // it takes away, and only from who asked: whatever history it is of
        }
        if (directive.Epoch < known.Epoch)
        {
            return new Refuse($"its epoch {directive.Epoch} is before {known.Epoch}");
        }
        return directive.Kind switch
        {
            DirectiveKinds.State => OfState(directive, known),
            DirectiveKinds.SegmentAccepted or DirectiveKinds.SegmentRefused or DirectiveKinds.LoginAnswer or DirectiveKinds.SpoolKey or DirectiveKinds.Keys => new Answer(),
            _ when directive.Epoch > known.Epoch => new Gap(),
            DirectiveKinds.Lease => OfLease(directive, known, caughtUp),
            _ => OfOrder(directive, known, caughtUp),
        };
    }

    private static Reception OfState(Directive directive, Remembered known) =>
        directive.Epoch == known.Epoch && directive.Position < known.Position
            ? new Refuse($"its position {directive.Position} is before {known.Position}")
            : new Replace();

    /// <summary>A lease is believed only by an agent that is exactly as far as the control plane says: behind, something was lost;
    /// ahead, the control plane went back in time.</summary>
    private static Reception OfLease(Directive directive, Remembered known, bool caughtUp) =>
        !caughtUp || directive.Position > known.Position ? new Gap()
        : directive.Position < known.Position ? new Behind($"its position {directive.Position} is before {known.Position}")
        : new Answer();

    private static Reception OfOrder(Directive directive, Remembered known, bool caughtUp)
    {
        if (directive.Position <= known.Position)
        {
            return new Ignore();
        }
        if (Bodies.TypeOf(directive.Kind) is null)
        {
            return new Halt();
        }
        return caughtUp && directive.Previous <= known.Position ? new Apply() : new Gap();
    }
}
