using AccessPlane.Contracts.Identity;

namespace AccessPlane.Contracts.Events;

/// <summary>An approver's client may hear of requests and holds at the broker, and send reviews. It proves nobody's identity.</summary>
/// <param name="Groups">Whose requests and holds it hears of.</param>
/// <param name="Credential">Names its password, which is kept nowhere; a new one with each adding.</param>
public sealed record ApproverAdded(string Name, IReadOnlyList<string> Groups, Guid Credential, Actor By) : IEvent;

/// <summary>Its broker user is gone.</summary>
public sealed record ApproverRemoved(string Name, Actor By) : IEvent;
