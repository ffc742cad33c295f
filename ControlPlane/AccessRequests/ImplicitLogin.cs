using AccessPlane.Contracts;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Policies;

namespace AccessPlane.ControlPlane.AccessRequests;

/// <summary>What became of a login without a grant.</summary>
/// <param name="State">`granted`, `pending` or `refused`.</param>
/// <param name="Detail">For the client.</param>
public sealed record LoginOutcome(string State, Guid? Grant, Guid? Request, string Detail)
{
    public static LoginOutcome Granted(Guid grant, Guid? request = null) => new("granted", grant, request, "access is granted");

    public static LoginOutcome Pending(Guid request) => new("pending", null, request, $"request {request:D} waits for approval");

    public static LoginOutcome Refused(string why, Guid? request = null) => new("refused", null, request, why);
}

/// <summary>
/// A client came to an agent with a token and no active grant: what was approved is activated; where nothing was, the request is filed that
/// the client's identity calls for.
/// </summary>
public sealed class ImplicitLogin(
    CircumstancesSource world, OpenRequests requests, OpenGrants grants, RequestSeries filedBefore, SubmitRequest submit, ActivateGrant activate)
{
    private const int MostTries = 5;

    /// <param name="name">The login's user name: an entitlement's id, a grant's id, or empty of meaning.</param>
    public async Task<LoginOutcome> Handle(Actor actor, string resource, string name, EventContext context, CancellationToken cancel)
    {
        var now = await world.Now(cancel);
        if (now.Locks.Against(actor, resource, null, now.Model, now.Now) is { } locked)
        {
            return LoginOutcome.Refused($"a lock stands against this: `{locked.Reason}`");
        }
        if (await UseGrant(actor, resource, name, now, context, cancel) is { } granted)
        {
            return granted;
        }
        if (Guid.TryParse(name, out _))
        {
            return LoginOutcome.Refused($"the grant `{name}` cannot be used");
        }
        return await WaitForRequest(actor, resource, name, cancel)
            ?? await Ask(actor, resource, name, now, context, cancel);
    }

    private async Task<LoginOutcome?> UseGrant(
        Actor actor, string resource, string name, Circumstances now, EventContext context, CancellationToken cancel)
    {
        var own = (await grants.Current(cancel)).All
            .Where(g => g.Issued.Resource == resource && Holding.IsHolder(g, actor) && Fits(name, g.Issued.Entitlement, g.Id, now.Model))
            .Where(g => (g is Grant.Active a && a.Terms.TokenLogin.Allows(actor)) || (g is Grant.Approved && g.Issued.TokenLogin.Allows(actor)))
            .OrderByDescending(g => g is Grant.Active);
        foreach (var grant in own)
        {
            // an active one is looked at as well: its end may be due
            var handled = await activate.Handle(grant.Id, actor, context, null, null, cancel);
            if (handled.Refusal is null)
            {
                return LoginOutcome.Granted(grant.Id, grant.Issued.Request);
            }
        }
        return null;
    }

    private async Task<LoginOutcome?> WaitForRequest(Actor actor, string resource, string name, CancellationToken cancel)
    {
        var now = await world.Now(cancel);
        var pending = (await requests.Current(cancel)).FirstOrDefault(r =>
            r.Asked.Resource == resource && r.Asked.Extends is null && r.Asked.Requester.ChainKey == actor.ChainKey && now.Now < r.Asked.ExpiresAt &&
            Fits(name, r.Asked.Entitlement, null, now.Model));
        return pending switch
        {
            null => null,
            // INVARIANT: only implicit requests are activated by their approval; who asked explicitly decides when their time begins
            { Asked.Implicit: true } => LoginOutcome.Pending(pending.Id),
            _ => LoginOutcome.Refused($"request {pending.Id:D} waits for approval: connect again when it is approved", pending.Id),
        };
    }

    private async Task<LoginOutcome> Ask(
        Actor actor, string resource, string name, Circumstances now, EventContext context, CancellationToken cancel)
    {
        var (entitlement, why) = Choose(now.Model, actor, resource, name);
        if (entitlement is null)
        {
            return LoginOutcome.Refused(why);
        }
        var series = Ids.Derive(Ids.Named("implicit-login", actor.ChainKey), entitlement.Id);
        for (var tries = 0; tries < MostTries; tries++)
        {
            var (number, last) = await filedBefore.Last(series, cancel);
            if (await Standing(last, actor, now, context, cancel) is { } standing)
            {
                return standing;
            }
            var filed = await submit.Handle(
                new Submission(RequestSeries.IdOf(series, number + 1), actor, entitlement.Id, null, null, null, now, Implicit: true), context, null, cancel);
            if (filed.Refusal is { Code: not SubmitRequest.Exists } refused)
            {
                return LoginOutcome.Refused(refused.Detail);
            }
            if (await Standing(filed.State, actor, now, context, cancel) is { } answer)
            {
                return answer;
            }
        }
        return LoginOutcome.Refused("too many logins ask for the same at once: try again");
    }

    /// <summary>What a request that was filed for this login, or for the one beside it, comes to now; null where it is over.</summary>
    private async Task<LoginOutcome?> Standing(AccessRequest request, Actor actor, Circumstances now, EventContext context, CancellationToken cancel)
    {
        if (request is AccessRequest.Submitted pending)
        {
            return Closing.WhyClose(pending, now) is null ? LoginOutcome.Pending(pending.Id) : null;
        }
        if (request is not AccessRequest.Approved approved)
        {
            return null;
        }
        var activated = await activate.Handle(approved.Grant, actor, context, null, null, cancel);
        return activated.Refusal is null ? LoginOutcome.Granted(approved.Grant, approved.Id)
            // refused while it could still have begun: asking again would come to the same
            : activated.State is Grant.ActivationRefused ? LoginOutcome.Refused(activated.Refusal.Detail, approved.Id)
            : null;
    }

    /// <summary>The one entitlement that a login can ask for by itself. More than one is the client's choice, by the user name.</summary>
    public static (Entitlement? Entitlement, string Why) Choose(PolicyModel policy, Actor actor, string resource, string name)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(actor);
        var offered = policy.EntitlementsOf(actor).Where(e => e.Resource == resource).ToList();
        if (offered.FirstOrDefault(e => e.Id == name) is { } named)
        {
            return WhyNotByLogin(named, actor) is { } why ? (null, $"`{named.Id}` cannot be asked for by logging in: {why}") : (named, "");
        }
        var fitting = offered.Where(e => WhyNotByLogin(e, actor) is null).ToList();
        return fitting.Count switch
        {
            1 => (fitting[0], ""),
            0 when offered.Count == 0 => (null, $"`{actor.Display}` may not ask for anything on `{resource}`"),
            0 => (null, $"ask for {List(offered)} first: {WhyNotByLogin(offered[0], actor)}"),
            _ => (null, $"several entitlements fit: use one of {List(fitting)} as the user name"),
        };

        static string List(IEnumerable<Entitlement> entitlements) => string.Join(", ", entitlements.Select(e => $"`{e.Id}`"));
    }

    private static string? WhyNotByLogin(Entitlement entitlement, Actor actor)
    {
        if (entitlement.BreakGlass is not null)
        {
            return "glass is broken on purpose only";
        }
        if (!entitlement.TokenLogin.Allows(actor))
        {
            return "a token is not taken as the password under it: use a ticket";
        }
        return entitlement.Reason.Required || entitlement.Reason.Reference is not null ? "it needs a reason" : null;
    }

    /// <summary>A name that is an entitlement's or a grant's means that one; any other name means nothing.</summary>
    private static bool Fits(string name, string entitlement, Guid? grant, PolicyModel policy) =>
        Guid.TryParse(name, out var id) ? grant == id : name == entitlement || policy.Entitlement(name) is null;
}
