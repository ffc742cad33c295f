namespace AccessPlane.ControlPlane.EventStore;

/// <summary>Somebody worked on as the owner of something that was theirs no more.</summary>
public sealed class OwnershipLostException(string name, Exception? why) : Exception($"the subscription `{name}` is not this replica's any more", why);
