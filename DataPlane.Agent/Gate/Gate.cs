using AccessPlane.Agent.Directives;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Gate;

/// <summary>Identity + target + what is in force → Permit | Refusal. Written once for all protocols.</summary>
public sealed class Gate(InForce inForce, LiveSessions live, Tickets tickets, TokenLogins tokens, Spool spool, HoldDesk holds, MaskDesk masks, CatalogDesk catalogs)
{
    private const string LoginByTicket = "ticket ";

    public HoldDesk Holds { get; } = holds;
    public MaskDesk Masks { get; } = masks;
    public CatalogDesk Catalogs { get; } = catalogs;

    /// <summary>Where people get tokens; null where no issuer is trusted, or none is known yet.</summary>
    public IssuerTerms? FirstIssuer => inForce.Current.Issuers.FirstOrDefault();

    /// <summary>A ticket that may still be used, or went with its grant, for the proof of possession; null where there is none.
    /// Looking does not consume it.</summary>
    public TicketOffer? FindTicket(string resource, string ticket) => FindOpen(resource, ticket) ?? FindVoid(resource, ticket)?.Offer;

    private VoidTicket? FindVoid(string resource, string ticket) =>
        inForce.Current.Void.FindLast(v => v.Offer.Ticket == ticket && v.Resource == resource);

    private TicketOffer? FindOpen(string resource, string ticket)
    {
        var snapshot = inForce.Current;
        return snapshot.Tickets.TryGetValue(ticket ?? "", out var offer) &&
            snapshot.Grants.TryGetValue(offer.Grant, out var grant) && grant.Resource == resource &&
            (!inForce.Time.Known || tickets.IsOpen(offer, inForce.Time.Latest)) // before the first lease admission says that it is too early
            ? offer
            : null;
    }

    /// <summary>Takes one connection of a ticket whose possession the client has proven. Exactly the stated number succeed, however many race, beside those
    /// of which no session came (<see cref="NotOpened"/>).
    /// The use is on disk when this returns.</summary>
    public async ValueTask<Admission> AdmitTicket(string resource, string ticket, string database, CancellationToken cancel) =>
        Counted(await ByTicket(resource, ticket, database, cancel));

    /// <summary>Admits the bearer of an OIDC token; where there is no grant yet it asks for one and waits.</summary>
    /// <param name="name">The login's user name: an entitlement's id, a grant's id, or empty of meaning.</param>
    public async ValueTask<Admission> AdmitToken(
        string resource, string name, string token, string database, string client, LoginWait wait, CancellationToken cancel) =>
        Counted(await ByToken(new TokenBearer(resource, name, token, database, client), wait, cancel));

    /// <summary>No session came of an admission, as where the database lets nobody in: a ticket opens connections, and this one was not opened.</summary>
    public void NotOpened(Permit permit)
    {
        ArgumentNullException.ThrowIfNull(permit);
        if (permit.Login.StartsWith(LoginByTicket, StringComparison.Ordinal))
        {
            tickets.GiveBack(permit.Login[LoginByTicket.Length..]);
        }
    }

    private async Task<Admission> ByTicket(string resource, string ticket, string database, CancellationToken cancel)
    {
        if (FindVoid(resource, ticket) is { End: var end })
        {
            return Refuse($"grant-{end.Cause}", end.Why);
        }
        if (FindOpen(resource, ticket) is not { } offer)
        {
            return new Admission.Refused(new Refusal("ticket-unknown", "the ticket is not known here, is used up, or was not used in time"), Unproven: true);
        }
        if (offer.Database.Length > 0 && offer.Database != database)
        {
            return Refuse("database-outside-ticket", $"the ticket is for the database `{offer.Database}`");
        }
        if (WhyNot(resource, offer.Grant, database) is { } refusal)
        {
            return new Admission.Refused(refusal, Unproven: false);
        }
        // fsync: never on the thread that serves sockets
        if (!await Task.Run(() => tickets.Take(offer, inForce.Time.Latest), cancel))
        {
            return new Admission.Refused(new Refusal("ticket-used", "the ticket is used up"), Unproven: true);
        }
        var admission = Admit(offer.Grant, resource, database, LoginByTicket + offer.Ticket);
        if (admission is Admission.Refused)
        {
            tickets.GiveBack(offer.Ticket);
        }
        return admission;
    }

    private async Task<Admission> ByToken(TokenBearer bearer, LoginWait wait, CancellationToken cancel)
    {
        if (WhyNotHere(bearer.Resource) is { } closed)
        {
            return new Admission.Refused(closed, Unproven: true);
        }
        var found = await tokens.FindGrant(bearer, wait, cancel);
        if (found.Refusal is { } unfit)
        {
            return new Admission.Refused(unfit, found.Unproven);
        }
        return WhyNot(bearer.Resource, found.Grant, bearer.Database) is { } refusal
            ? new Admission.Refused(refusal, Unproven: false)
            : Admit(found.Grant, bearer.Resource, bearer.Database, "token");
    }

    private static Admission Counted(Admission admission)
    {
        if (admission is Admission.Refused)
        {
            AgentMeter.LoginsRefused.Add(1);
        }
        return admission;
    }

    private Admission Admit(Guid grant, string resource, string database, string login)
    {
        var snapshot = inForce.Current;
        if (!snapshot.Grants.TryGetValue(grant, out var lease) || snapshot.Policy.Model.Resource(resource) is not { } terms)
        {
            return Refuse("grant-ended", "the grant has ended");
        }
        var limit = SessionLimits.Of(snapshot.Policy.Model, resource, lease.Holder).Connections;
        return live.Admit(Guid.CreateVersion7(inForce.Clock.GetUtcNow()), lease, terms, database, login, limit?.Most ?? int.MaxValue) is { } permit
            ? new Admission.Admitted(permit)
            : Refuse("too-many-connections", $"`{limit!.Rule}` allows {limit.Most} connections at a time: close one first");
    }

    private Refusal? WhyNot(string resource, Guid grant, string database)
    {
        if (WhyNotHere(resource) is { } closed)
        {
            return closed;
        }
        var standing = inForce.Of(grant);
        if (inForce.WhyNot(standing) is { } ending)
        {
            return new Refusal($"grant-{ending.Cause}", ending.Message);
        }
        return standing.Lease!.Scope.AllowsDatabase(database)
            ? null
            : new Refusal("database-outside-scope", $"the database `{database}` is outside what `{standing.Lease.Entitlement}` allows");
    }

    /// <summary>Why nobody at all is admitted to a resource at this moment.</summary>
    private Refusal? WhyNotHere(string resource)
    {
        if (inForce.Current.Policy.Model.Resource(resource) is not { } terms)
        {
            return new Refusal("resource-unknown", $"the resource `{resource}` is not in the policy");
        }
        if (!inForce.LeaseHeld(terms))
        {
            return new Refusal("agent-cut-off", "the agent cannot reach its control plane at the moment: try again shortly");
        }
        if (inForce.Refused is { } why)
        {
            return new Refusal("agent-refused", $"the agent admits nobody new: {why}");
        }
        return spool.TakesSessions ? null : new Refusal("evidence-full", "the agent cannot record another session at the moment: try again later");
    }

    private static Admission.Refused Refuse(string code, string detail) => new(new Refusal(code, detail), Unproven: false);
}

public abstract record Admission
{
    private Admission() { }

    public sealed record Admitted(Permit Permit) : Admission;

    /// <summary>The detail may be shown to a peer that has proven who it is; <see cref="Unproven"/> peers get one uniform answer.</summary>
    public sealed record Refused(Refusal Refusal, bool Unproven) : Admission;
}
