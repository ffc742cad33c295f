using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>Activations lapse, grants expire, reviews that are owed fall into default.</summary>
public sealed class GrantDeadlines(TimeProvider clock, ILogger<GrantDeadlines> logger, OpenGrants open, Handle handle) : Deadlines(clock, logger)
{
    public override string Name => "grant-deadlines";

    public override IReadOnlyCollection<string>? Types { get; } =
    [
        EventNames.Of(typeof(GrantIssued)), EventNames.Of(typeof(GrantActivated)), EventNames.Of(typeof(GrantExtended)), EventNames.Of(typeof(GrantNarrowed)),
        EventNames.Of(typeof(BreakGlassUsed)),
    ];

    protected override async Task<IReadOnlyList<Deadline>> Open(CancellationToken cancel) =>
        [.. from grant in (await open.Current(cancel)).All
            let next = ExpireGrant.NextDeadline(grant)
            where next is not null
            select new Deadline(grant.Id, next.Value)];

    protected override Task Act(Guid stream, DateTimeOffset now, CancellationToken cancel) => handle.Run(
        new Handling<Grant>(
            stream, Grant.StreamType, Grant.Initial, Grant.Evolve, state => ExpireGrant.Decide(state, now), Consequence.OfTime("grants", stream, now)),
        cancel);
}
