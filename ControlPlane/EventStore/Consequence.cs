using AccessPlane.Contracts;
using AccessPlane.Contracts.Identity;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>The context of what the product does because of something.</summary>
public static class Consequence
{
    /// <param name="who">The part of the product that acts.</param>
    public static EventContext Of(Stored cause, string who)
    {
        ArgumentNullException.ThrowIfNull(cause);
        return new EventContext(Actor.System(who), cause.Context.Correlation, cause.Id);
    }

    /// <summary>Because it is time.</summary>
    public static EventContext OfTime(string who, Guid stream, DateTimeOffset due) =>
        new(Actor.System(who), Ids.Derive(stream, $"due/{due.UtcTicks}"));
}
