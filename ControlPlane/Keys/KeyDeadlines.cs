using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Keys;

/// <summary>Retires a signing key when its overlap with the next one is over.</summary>
public sealed class KeyDeadlines(TimeProvider clock, ILogger<KeyDeadlines> logger, KeyWatch watch, RetireKey retire) : Deadlines(clock, logger)
{
    public override string Name => "key-deadlines";

    public override IReadOnlyCollection<string>? Types { get; } = [EventNames.Of(typeof(ControlPlaneKeyAnnounced)), EventNames.Of(typeof(ControlPlaneKeyRetired))];

    protected override async Task<IReadOnlyList<Deadline>> Open(CancellationToken cancel) =>
        (await watch.Look(cancel)).Next is { } next ? [new Deadline(Ids.Keys, next.OverlapUntil)] : [];

    protected override Task Act(Guid stream, DateTimeOffset now, CancellationToken cancel) =>
        retire.Handle(new KeyRetirement(null, false, false, "its overlap with the next one is over", now), null, cancel);
}
