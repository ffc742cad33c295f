namespace AccessPlane.Contracts.Events;

/// <summary>A resource appeared in the published policy.</summary>
public sealed record ResourceRegistered(string Resource, string Kind) : IEvent;

/// <summary>A resource left the published policy: its requests and grants are closed with this as the cause.</summary>
public sealed record ResourceRetired(string Resource, string Why) : IEvent;
