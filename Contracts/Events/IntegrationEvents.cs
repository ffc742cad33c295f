namespace AccessPlane.Contracts.Events;

/// <summary>Something that somebody was to be told of could not be delivered for so long, or was refused so often, that it was given up; what came after it goes
/// on.</summary>
/// <param name="Destination">The name that the configuration gives it.</param>
/// <param name="Kind">What was to be told: `request.submitted`, `hold.opened`…; where events themselves are told, the event's name: `request_submitted`.</param>
/// <param name="Position">Of the event that was to be told of, and <paramref name="Event"/> its id.</param>
/// <param name="Why">How the last attempt ended.</param>
public sealed record DeliveryGivenUp(string Destination, string Kind, Guid Event, long Position, int Attempts, string Why) : IEvent;
