using System.Security.Cryptography;
using System.Text;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.ControlPlane.Holds;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.ControlPlane.Sessions;
using AccessPlane.Tests.Unit.Domain;

namespace AccessPlane.Tests.Unit.Holds;

/// <summary>Words for what happens to an operation that waits.</summary>
public abstract class HoldSpec
{
    protected static readonly Guid Id = new("0199aaaa-0000-7000-8000-000000000301");
    protected static readonly Guid Session = new("0199aaaa-0000-7000-8000-000000000302");
    protected static readonly Guid Grant = new("0199aaaa-0000-7000-8000-000000000303");
    private static int reviews;

    /// <summary>Deletes without bound wait for one database administrator, truncations for two.</summary>
    protected static Circumstances Today { get; } = Changed("");

    protected static Circumstances Changed(string more, string? without = null) => World.With(World.Text.Replace("directory:", """
        guardrails:
          - { id: bulk, resource: orders, match: { statements: [delete] }, effect: hold, hold: { from: { groups: [dba] }, timeout: 5m, in-transaction: 60s } }
          - { id: empty, resource: orders, match: { statements: [truncate] }, effect: hold, hold: { from: { groups: [dba] }, count: 2, timeout: 5m, in-transaction: 60s } }
        directory:

        """.TrimEnd('\n') + more, StringComparison.Ordinal).Replace(without ?? "?", without is null ? "?" : "", StringComparison.Ordinal));

    protected static HeldOperation Operation(string text = "delete from orders", string rule = "bulk") => new(
        Id, Session, Grant, 7, "orders", "orders", "app", "simple", "127.0.0.1:1", text, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))),
        [], "T", new StatementFacts(["delete"], 1) { Unbounded = true }, 60, rule, [new Reason(rule, Effect.Hold, "somebody must look at it first")], 1000,
        new HoldTerms(Who.Nobody with { Groups = ["engineering"] }, 1, TimeSpan.FromHours(9), TimeSpan.FromHours(9)), "b1", World.Noon.AddMinutes(1), 1);

    protected static HoldAsk Asking(
        HeldOperation? operation = null, Actor? holder = null, string agent = "a", bool serves = true, Session? session = null, Circumstances? world = null,
        string resource = "orders") => new(
        agent, operation ?? Operation(), serves,
        new GrantLease(Grant, Guid.Empty, holder ?? People.Engineer, "write", resource, Scope.Any, World.Noon.AddHours(1), 1, TokenLogin.WorkloadsOnly, 1),
        session ?? ControlPlane.Sessions.Session.Initial, world ?? Today);

    protected static Situation<Hold> Given(params IEvent[] events) => new Specification<Hold>(Hold.Initial, Hold.Evolve).Given(events);

    /// <summary>The event of an operation that was held at noon.</summary>
    protected static OperationHeld Held(Actor? holder = null, string rule = "bulk") =>
        (OperationHeld)Given().When(s => WhenOperationHeld.Decide(s, Asking(Operation(rule: rule), holder))).Events[0];

    protected static HoldReviewGiven Approved(Actor by) => new(NextReview(), by, ReviewVerdict.Approve, null);

    protected static Func<Hold, Outcome> Approval(Actor by, Circumstances? world = null, int? seen = null) =>
        s => ReviewHold.Decide(s, new HoldReview(NextReview(), by, ReviewVerdict.Approve, null, seen, world ?? Today.After("10s")));

    protected static Func<Hold, Outcome> Denial(Actor by, Circumstances? world = null) =>
        s => ReviewHold.Decide(s, new HoldReview(NextReview(), by, ReviewVerdict.Deny, "no", null, world ?? Today.After("10s")));

    protected static Func<Hold, Outcome> Ended(string outcome, string agent = "a") =>
        s => AbandonHold.Decide(s, agent, new HoldEnd(Id, outcome, "its client left"));

    private static Guid NextReview() => new(Interlocked.Increment(ref reviews), 0, 0x7000, 0x80, 0, 0, 0, 0, 0, 0, 3);
}
