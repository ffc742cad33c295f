using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Notifications;

/// <summary>Tells approvers of each request that waits for them, again at each next step, and how it was decided.</summary>
public sealed class WhenReviewIsNeeded(EventLog log, Announcer announcer, IConfiguration configuration) : WhenApproversMustKnow<AccessRequest>(log, announcer, configuration)
{
    public override string Name => "notifications";

    public override IReadOnlyCollection<string> Types { get; } = [.. AccessRequest.EventTypes.Select(EventNames.Of)];

    protected override AccessRequest Initial => AccessRequest.Initial;

    protected override AccessRequest Evolve(AccessRequest state, IEvent e) => AccessRequest.Evolve(state, e);

    protected override IEnumerable<(string Key, object Body)> Tell(AccessRequest before, AccessRequest after, string url) => Changes(before, after, url);

    /// <summary>Routing keys and bodies of what a change means to approvers.</summary>
    internal static IEnumerable<(string Key, object Body)> Changes(AccessRequest before, AccessRequest after, string url) => after switch
    {
        AccessRequest.Submitted s when s.Step < s.Asked.Steps.Count && (before as AccessRequest.Submitted)?.Terms != s.Terms =>
            Keys("request.submitted", [s.Asked.Steps[s.Step].From]).Select(key => (key, (object)Notification.Of(s, url))),
        AccessRequest.Known k and not AccessRequest.Submitted when before is AccessRequest.Submitted or AccessRequest.None =>
            Keys("request.decided", k.Asked.Steps.Select(s => s.From)).Select(key => (key, (object)Decided.Of(k, url))),
        _ => [],
    };
}

/// <summary>`request.submitted.GROUP`: what an approver needs to decide, and to answer with.</summary>
/// <param name="ExpectedVersion">To be sent back with the review.</param>
public sealed record Notification(
    string Kind, Guid Id, int ExpectedVersion, NotifiedWho Who, NotifiedWhat What, NotifiedWhy Why, DateTimeOffset ExpiresAt, NotifiedLinks Links)
{
    internal static Notification Of(AccessRequest.Submitted state, string url)
    {
        var asked = state.Asked;
        return new Notification(
            "request", asked.Request, state.Terms, NotifiedWho.Of(asked.Requester),
            new NotifiedWhat(asked.Resource, asked.Entitlement, asked.Duration, state.Step + 1, asked.Steps.Count, asked.Extends),
            new NotifiedWhy(asked.Reason, asked.Reference), asked.ExpiresAt, NotifiedLinks.Of(asked.Request, url));
    }
}

/// <summary>`request.decided.GROUP`.</summary>
public sealed record Decided(string Kind, Guid Id, string State, NotifiedWho Who, NotifiedWhat What, NotifiedLinks Links)
{
    internal static Decided Of(AccessRequest.Known state, string url) => new(
        "request", state.Id, state.Name, NotifiedWho.Of(state.Asked.Requester),
        new NotifiedWhat(state.Asked.Resource, state.Asked.Entitlement, state.Asked.Duration, state.Asked.Steps.Count, state.Asked.Steps.Count, state.Asked.Extends),
        NotifiedLinks.Of(state.Id, url));
}

/// <param name="Name">For people: `Erin Engineer via assistant`.</param>
/// <param name="Chain">`issuer|subject` of the requester and of each actor between.</param>
public sealed record NotifiedWho(string Name, string Subject, string Issuer, Contracts.Identity.ActorKind Kind, IReadOnlyList<string> Chain)
{
    internal static NotifiedWho Of(Contracts.Identity.Actor actor) => new(actor.Display, actor.Subject, actor.Issuer, actor.Kind, [.. actor.Links.Select(l => l.Key)]);
}

/// <param name="Step">The step that waits, from 1.</param>
/// <param name="Extends">The grant that would be extended.</param>
public sealed record NotifiedWhat(string Resource, string Entitlement, TimeSpan Duration, int Step, int Steps, Guid? Extends);

public sealed record NotifiedWhy(string? Reason, string? Reference);

public sealed record NotifiedLinks(string Request, string Reviews)
{
    internal static NotifiedLinks Of(Guid request, string url) => new($"{url}/v1/requests/{request:D}", $"{url}/v1/requests/{request:D}/reviews");
}
