using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using FluentValidation;

namespace AccessPlane.ControlPlane.Sessions;

/// <param name="Reason">For the client and for the record.</param>
public sealed record TerminateSessionBody(string? Reason = null)
{
    public sealed class Rules : AbstractValidator<TerminateSessionBody>
    {
        public Rules() => RuleFor(x => x.Reason).Readable(TerminateSession.LongestWhy);
    }
}

/// <param name="Authority">Whether the caller approves the session's entitlement, or is an admin.</param>
public sealed record Termination(Actor By, string Why, bool Authority, bool MaySee);

/// <summary>Someone with authority ends one session; its grant lives on.</summary>
public static class TerminateSession
{
    internal const int LongestWhy = 1_000;

    public static Outcome Decide(Session state, Termination order)
    {
        ArgumentNullException.ThrowIfNull(order);
        return state switch
        {
            Session.Known when !order.Authority && !order.MaySee => NoSuchSession,
            Session.Known when !order.Authority => Outcome.Refuse("not-an-approver", "ending a session is for the entitlement's approvers and admins"),
            Session.Known when string.IsNullOrWhiteSpace(order.Why) || order.Why.Length > LongestWhy =>
                new Outcome.Refused(new Refusal("invalid", "`reason` must say why") { Errors = new Dictionary<string, string[]> { ["reason"] = [$"1 to {LongestWhy} characters"] } }),
            Session.Open s => Outcome.Of(new SessionTerminationOrdered(s.Opened.Session, s.Opened.Agent, order.By, order.Why)),
            Session.Over s => Outcome.Refuse("session-over", $"the session is over: {s.Cause}"),
            _ => NoSuchSession,
        };
    }

    private static Outcome NoSuchSession { get; } = Outcome.Refuse("no-such-session", "there is no such session");

    internal static void Map(IEndpointRouteBuilder routes) => routes.MapPost("/sessions/{id:guid}/terminate", Handle)
        .Validate<TerminateSessionBody>()
        .WithSummary("End a live session; its grant lives on")
        .Produces(StatusCodes.Status202Accepted);

    private static async Task<IResult> Handle(
        Guid id, TerminateSessionBody? body, Handle handle, EventLog log, Projections.Sessions sessions, CircumstancesSource world, HttpContext http,
        CancellationToken cancel)
    {
        var (caller, command) = (http.Caller(), http.Command());
        var (before, _) = await handle.Load(id, Session.StreamType, Session.Initial, Session.Evolve, cancel);
        var authority = caller.IsAdmin || (before is Session.Known known && await Approves(known, caller.Actor, handle, world, cancel));
        var maySee = before is Session.Known seen && Session.MayRead(seen, caller.Actor, caller.SeesAll());
        var handled = await handle.Run(
            new Handling<Session>(
                id, Session.StreamType, Session.Initial, Session.Evolve, state => Decide(state, new Termination(caller.Actor, body?.Reason ?? "terminated", authority, maySee)),
                command.Context, command.Id, command.IfMatch),
            cancel);
        return handled.Refusal is { } refusal
            ? Problems.Of(refusal, authority || maySee ? sessions.RowOf(await log.ReadStream(id, cancel)) : null)
            : Results.Accepted($"/v1/sessions/{id}");
    }

    private static async Task<bool> Approves(Session.Known session, Actor actor, Handle handle, CircumstancesSource world, CancellationToken cancel)
    {
        var now = await world.Now(cancel);
        var (grant, _) = await handle.Load(session.Opened.Grant, Grant.StreamType, Grant.Initial, Grant.Evolve, cancel);
        return grant is Grant.Known known && Holding.HasAuthority(known, actor, isAdmin: false, now.Model);
    }
}
