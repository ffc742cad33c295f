using System.Security.Cryptography;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.ControlPlane.Resources;
using FluentValidation;

namespace AccessPlane.ControlPlane.Grants;

/// <param name="Database">Null asks for the only one within the grant's scope.</param>
/// <param name="Agent">The one agent that will take the ticket.</param>
public sealed record TicketOrder(Actor Holder, int Connections, string? Database, string Ticket, string Verifier, string Agent, Circumstances World);

/// <summary>What a client is told, once.</summary>
/// <param name="FirstUseBy">Until when the first connection must come.</param>
public sealed record Ticket(TicketSecret Secret, AgentEndpoint At, string Database, DateTimeOffset FirstUseBy, long Version);

/// <summary>A one-time credential under a grant, which it activates where that was not done yet.</summary>
public sealed partial class IssueTicket(Handle handle, CircumstancesSource world, ServingAgents agents, MaskingSource masking)
{
    public static readonly TimeSpan FirstUseWithin = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan AcknowledgedWithin = TimeSpan.FromSeconds(2);

    public static Outcome Decide(Grant state, TicketOrder order)
    {
        var activation = ActivateGrant.Decide(state, new Activation(order.Holder, order.World));
        if (activation is not Outcome.Happened { ThenRefuse: null } activated)
        {
            return activation;
        }
        var active = (Grant.Active)activated.Events.Aggregate(state, Grant.Evolve);
        if (TodaysTerms.WhyNone(active.Issued, order.Holder, order.World.Model) is { } why)
        {
            return Outcome.Refuse("not-entitled", why);
        }
        if (order.Connections < 1 || order.Connections > active.Terms.MaxConnections)
        {
            return Invalid("connections", $"`connections` must be from 1 to {active.Terms.MaxConnections} under this grant");
        }
        var databases = active.Terms.Scope.Databases;
        if ((order.Database ?? Only(active.Terms.Scope)) is not { } database)
        {
            return Invalid("database", databases.Count == 0
                ? "`database` must be given: the grant is for any"
                : $"`database` must be one of {string.Join(", ", databases.Select(d => $"`{d}`"))}");
        }
        return active.Terms.Scope.AllowsDatabase(database)
            ? Outcome.Of([.. activated.Events, new TicketIssued(
                order.Ticket, order.Agent, order.Verifier, order.Connections, order.World.Now + FirstUseWithin, database)])
            : Invalid("database", $"`{database}` is not within the grant's scope: {string.Join(", ", databases.Select(d => $"`{d}`"))}");
    }

    /// <summary>The agents at which a session could open, as far as it is known; where there are none, why. PostgreSQL may have to enforce masks there
    /// and cannot, or nobody has let it yet: a ticket would open nothing.</summary>
    public static (IReadOnlyList<ServingAgent> Able, Refusal? Refusal) Able(
        IReadOnlyList<ServingAgent> serving, Grant.Known grant, string? database, PolicyModel policy, MaskingKnowledge masking)
    {
        ArgumentNullException.ThrowIfNull(serving);
        ArgumentNullException.ThrowIfNull(grant);
        ArgumentNullException.ThrowIfNull(masking);
        var scope = (grant as Grant.Active)?.Terms.Scope ?? grant.Issued.Scope;
        if (policy.Resource(grant.Issued.Resource) is not { } terms || (database ?? Only(scope)) is not { } wanted)
        {
            return (serving, null); // the decision says what is wrong
        }
        var why = serving.ToLookup(a => masking.WhyNot(terms, a.Id, wanted));
        return why.Contains(null) ? ([.. why[null]], null) : ([], new Refusal("masking-not-in-force", why.First().Key!));
    }

    private static string? Only(Scope scope) => scope.Databases.Count == 1 ? scope.Databases[0] : null;

    private static Outcome.Refused Invalid(string field, string detail) =>
        new(new Refusal("invalid", detail) { Errors = new Dictionary<string, string[]> { [field] = [detail] } });

    /// <summary>Issues a ticket and waits until its agent knows it.</summary>
    public async Task<(Ticket? Ticket, Refusal? Refusal)> Handle(
        Guid grant, Actor holder, int connections, string? database, EventContext context, Guid? command, long? ifMatch, CancellationToken cancel)
    {
        var now = await world.Now(cancel);
        var (state, _) = await handle.Load(grant, Grant.StreamType, Grant.Initial, Grant.Evolve, cancel);
        if (state is not Grant.Known known || !Holding.IsHolder(known, holder))
        {
            return (null, ((Outcome.Refused)Holding.NoSuchGrant).Refusal);
        }
        var serving = await agents.Alive(known.Issued.Resource, now, cancel);
        if (serving.Count == 0)
        {
            return (null, new Refusal("agent-not-reached", $"no agent of `{known.Issued.Resource}` is alive: try again"));
        }
        var (able, unmasked) = Able(serving, known, database, now.Model, await masking.Current(cancel));
        if (unmasked is not null)
        {
            return (null, unmasked);
        }
        var agent = able[RandomNumberGenerator.GetInt32(able.Count)];
        var secret = TicketSecret.Make();
        var order = new TicketOrder(holder, connections, database, secret.Name, secret.Verifier, agent.Id, now);
        TicketIssued? issued = null;
        var handled = await handle.Run(
            new Handling<Grant>(
                grant, Grant.StreamType, Grant.Initial, Grant.Evolve,
                s =>
                {
                    var outcome = Decide(s, order);
                    issued = (outcome as Outcome.Happened)?.Events.OfType<TicketIssued>().SingleOrDefault();
                    return outcome;
                },
                context with { PolicyVersion = now.Policy.Version, Rules = [known.Issued.Entitlement] }, command, ifMatch),
            cancel);
        if (handled.Refusal is not null)
        {
            return (null, handled.Refusal);
        }
        if (handled.Repeated || issued is null)
        {
            return (null, new Refusal("ticket-already-issued", "a ticket was issued under this idempotency key; its secret is told only once: ask for another"));
        }
        return await agents.Acknowledged(agent.Id, handled.Position, AcknowledgedWithin, cancel)
            ? (new Ticket(secret, agent.At, issued.Database, issued.FirstUseBy, handled.Version), null)
            : (null, new Refusal("agent-not-reached", $"the agent `{agent.Id}` did not acknowledge the ticket in time: ask for another"));
    }

    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapPost("/grants/{id:guid}/tickets", async (
            Guid id, TicketBody? body, HttpContext http, IssueTicket issue, GrantAnswers answers, CancellationToken cancel) =>
        {
            var (caller, command) = (http.Caller(), http.Command());
            var (ticket, refusal) = await issue.Handle(
                id, caller.Actor, body?.Connections ?? 1, body?.Database, command.Context, command.Id, command.IfMatch, cancel);
            return refusal is null
                ? Answers.Created($"/v1/grants/{id:D}", TicketAnswer.Of(ticket!), ticket!.Version)
                : await answers.Refused(id, refusal, caller, cancel);
        })
        .Validate<TicketBody>()
        .WithName("IssueTicket").WithTags("Grants").WithSummary("A one-time credential: told once, kept nowhere")
        .Produces<TicketAnswer>(StatusCodes.Status201Created);
}

/// <param name="Connections">How many connections it opens, up to what the entitlement gives.</param>
/// <param name="Database">May be left out where the grant is for one database.</param>
public sealed record TicketBody(int Connections = 1, string? Database = null)
{
    public sealed class Rules : AbstractValidator<TicketBody>
    {
        public Rules() => RuleFor(x => x.Database).Readable(63);
    }
}

/// <param name="ExpiresAt">Until when the first connection must come.</param>
/// <param name="Url">All of it as one address for libpq, with as much of TLS as the agent's listener has: a login that is bound to its channel can be
/// relayed by nobody, whoever has signed the certificate, where the client knows how to bind it; one that cannot be bound needs a certificate that the client trusts.</param>
public sealed record TicketAnswer(string Username, string Password, string Host, int Port, string Database, DateTimeOffset ExpiresAt, string Url)
{
    public static TicketAnswer Of(Ticket ticket)
    {
        ArgumentNullException.ThrowIfNull(ticket);
        var (name, password) = (ticket.Secret.Name, ticket.Secret.Password);
        var at = ticket.At;
        var host = at.Host.Contains(':', StringComparison.Ordinal) ? $"[{at.Host}]" : at.Host;
        var tls = at switch { { Tls: false } => "", { ChannelBinding: true } => "?sslmode=require&channel_binding=require", _ => "?sslmode=verify-full" };
        return new TicketAnswer(
            name, password, at.Host, at.Port, ticket.Database, ticket.FirstUseBy,
            $"postgresql://{name}:{password}@{host}:{at.Port}/{Uri.EscapeDataString(ticket.Database)}{tls}");
    }

    // a record prints its members, and a secret has no business in a log
    public override string ToString() => Username;
}
