using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using FluentValidation;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>A verdict after the fact.</summary>
public sealed record Settlement(Actor Reviewer, ReviewVerdict Verdict, string? Comment, Circumstances World);

/// <summary>Someone reviews what was done behind broken glass. To deny is to end what is left of it.</summary>
public sealed partial class SettleReviewDebt(Handle handle, CircumstancesSource world)
{
    public static Outcome Decide(Grant state, Settlement settlement) => state switch
    {
        Grant.None => Holding.NoSuchGrant,
        Grant.Known { Debt: null } => Outcome.Refuse("no-review-owed", "this grant owes no review"),
        Grant.Known { Debt.Settled: not null } => Outcome.Refuse("already-reviewed", "this break-glass access was reviewed already"),
        Grant.Known k when WhyNot(k, settlement.Reviewer, settlement.World) is { } why => new Outcome.Refused(why),
        // what is found in order is looked at by nobody any more: that would be all that is done with it from now on
        Grant.Known k when settlement.Verdict == ReviewVerdict.Approve && IsOpen(k, settlement.World.Now) =>
            Outcome.Refuse("still-open", "this access is still open: it can be found in order when it is over, and not in order at once, which ends it"),
        Grant.Known k => Settle(k, settlement),
        _ => throw new InvalidOperationException($"a grant cannot be {state.Name}"),
    };

    /// <summary>Why somebody may not review it; null where they may, now or when it is over.</summary>
    internal static Refusal? WhyNot(Grant.Known state, Actor reviewer, Circumstances world) =>
        world.Locks.OnPerson(reviewer, world.Model, world.Now) is { } locked
            ? new Refusal("locked", $"a lock stands against you: `{locked.Reason}`")
            : world.Model.WhyNotReviewGlass(state.Issued.Entitlement, state.Debt?.From, state.Issued.Holder, reviewer);

    private static bool IsOpen(Grant.Known state, DateTimeOffset now) => state switch
    {
        Grant.Approved g => now < g.Issued.ActivateBy,
        Grant.Active g => now < g.NotAfter,
        _ => false,
    };

    public async Task<Handled<Grant>> Handle(
        Guid grant, Actor by, ReviewVerdict verdict, string? comment, EventContext context, Guid? command, long? ifMatch, CancellationToken cancel)
    {
        var now = await world.Now(cancel);
        return await handle.Run(
            new Handling<Grant>(
                grant, Grant.StreamType, Grant.Initial, Grant.Evolve, state => Decide(state, new Settlement(by, verdict, comment, now)),
                context with { PolicyVersion = now.Policy.Version }, command, ifMatch),
            cancel);
    }

    private static Outcome.Happened Settle(Grant.Known state, Settlement settlement)
    {
        var settled = new ReviewDebtSettled(settlement.Reviewer, settlement.Verdict, settlement.Comment);
        var ends = settlement.Verdict == ReviewVerdict.Deny && state is Grant.Approved or Grant.Active;
        return new Outcome.Happened(
            ends ? [settled, new GrantRevoked(settlement.Reviewer, settlement.Comment ?? "the break-glass access was denied in review")] : [settled], []);
    }

    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapPost("/grants/{id:guid}/reviews", async (Guid id, SettleBody body, HttpContext http, SettleReviewDebt useCase, GrantAnswers answers, CancellationToken cancel) =>
        {
            var (caller, command) = (http.Caller(), http.Command());
            var handled = await useCase.Handle(id, caller.Actor, body.Verdict, body.Comment, command.Context, command.Id, command.IfMatch, cancel);
            return await answers.Changed(handled, caller, cancel);
        })
        .Validate<SettleBody>()
        .WithName("SettleReviewDebt").WithTags("Grants").WithSummary("Reviews break-glass access after the fact")
        .WithDescription("`approve` when the access is over (`still-open` before that, because more could be done with it that nobody looks at); `deny` at any time, which ends it.")
        .Produces<GrantView>();
}

public sealed record SettleBody(ReviewVerdict Verdict, string? Comment = null)
{
    public sealed class Rules : AbstractValidator<SettleBody>
    {
        public Rules() => RuleFor(x => x.Comment).Readable();
    }
}
