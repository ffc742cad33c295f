using System.Collections.Frozen;
using AccessPlane.Contracts.Events;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>What only the product itself has a use for: whoever is shown events, here or elsewhere, is shown that it is there.</summary>
internal static class Withheld
{
    public const string Word = "(withheld)";

    /// <summary>Of each type of event that has such a member, by its stored name.</summary>
    public static FrozenDictionary<Type, string> Members { get; } = new Dictionary<Type, string>
    {
        [typeof(TicketIssued)] = "verifier",
        [typeof(AgentInvited)] = "tokenHash",
        [typeof(ApproverAdded)] = "credential",
    }.ToFrozenDictionary();
}
