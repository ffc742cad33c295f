using System.Security.Cryptography;
using System.Text;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.ControlPlane.Sessions;

namespace AccessPlane.ControlPlane.Holds;

/// <summary>What an agent asks, with what the control plane knows of it.</summary>
/// <param name="Serves">Whether the agent serves the resource.</param>
/// <param name="Grant">The grant that is active under the id it names; null where none is.</param>
/// <param name="Session">The session as far as the log holds it; its transcript may still be under way.</param>
public sealed record HoldAsk(string Agent, HeldOperation Operation, bool Serves, GrantLease? Grant, Session Session, Circumstances World);

/// <summary>An agent asks people about an operation. It is believed about its own sessions alone; who decides, the policy says, not the agent.</summary>
public sealed class WhenOperationHeld(Handle handle, CircumstancesSource world, AgentStateBuilder states)
{
    private static readonly Actor Product = Actor.System("holds");

    public static Outcome Decide(Hold state, HoldAsk ask)
    {
        ArgumentNullException.ThrowIfNull(ask);
        return state is not Hold.None ? Outcome.Nothing : WhyNot(ask) is { } why ? Outcome.Refuse("hold-not-believed", why) : Open(ask);
    }

    /// <returns>Why it was not taken; null when it was.</returns>
    public async Task<string?> Handle(string agent, HeldOperation held, Guid report, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(held);
        var known = await states.Current(cancel);
        var (session, _) = await handle.Load(held.Session, Session.StreamType, Session.Initial, Session.Evolve, cancel);
        var now = await world.Now(cancel);
        var ask = new HoldAsk(agent, held, known.Serving(held.Resource).Contains(agent), known.Active.GetValueOrDefault(held.Grant), session, now);
        var handled = await handle.Run(
            new Handling<Hold>(
                held.Hold, Hold.StreamType, Hold.Initial, Hold.Evolve, state => Decide(state, ask),
                new EventContext(Actor.System($"agent {agent}"), report) { PolicyVersion = held.PolicyVersion, Rules = [held.Rule] }),
            cancel);
        return handled.Refusal?.Detail;
    }

    private static string? WhyNot(HoldAsk ask)
    {
        var o = ask.Operation;
        return !ask.Serves ? $"the agent does not serve `{o.Resource}`"
            : ask.Grant is null || ask.Grant.Resource != o.Resource ? "its grant is not active on that resource"
            : ask.Session is Session.Known known && (known.Opened.Agent != ask.Agent || known.Opened.Grant != o.Grant) ? "the session is another's"
            : ask.Session is Session.Over ? "the session is over"
            : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(o.Text))) != o.TextHash ? "the text is not what its hash says"
            : null;
    }

    private static Outcome Open(HoldAsk ask)
    {
        var (o, policy, now) = (ask.Operation, ask.World.Model, ask.World.Now);
        var rule = policy.Guardrails.FirstOrDefault(g => g.Id == o.Rule && g.Resource == o.Resource);
        if (rule?.Hold is not { } terms)
        {
            // nobody can say who may decide: the next try is judged by today's policy
            return Outcome.Of(Held(o.Terms.From, o.Terms.Count), new HoldRefused(Product, "the policy has changed meanwhile: send it again"));
        }
        var held = Held(terms.From, terms.Count);
        if (policy.UnfillableStep([new ApprovalStep(terms.From, terms.Count)], held.Holder) is not null)
        {
            return Outcome.Of(held, new HoldRefused(
                Product, $"nobody could approve this: it needs {terms.Count} of {policy.Describe(terms.From)} besides `{held.Holder.Display}`"));
        }
        return now >= held.ExpiresAt ? Outcome.Of(held, new HoldLapsed(held.ExpiresAt)) : Outcome.Of(held);

        OperationHeld Held(Who from, int count)
        {
            var longest = now + (rule?.Hold?.Timeout ?? TimeSpan.Zero);
            return new OperationHeld(
                o.Hold, ask.Agent, ask.Grant!.Holder, ask.Grant.Entitlement, o, from, count, o.ExpiresAt < longest ? o.ExpiresAt : longest);
        }
    }
}
