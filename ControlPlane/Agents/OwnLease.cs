using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>Gives an agent's lease to one of its processes, and writes down when there are two of them.</summary>
public sealed class OwnLease(AgentTable table, Handle handle, TimeProvider clock)
{
    /// <summary>That the owner was heard is written down more seldom than it asks.</summary>
    private static readonly TimeSpan HeardEvery = LeaseOwner.Gone / 4;

    public static Outcome Decide(Agent state, AgentCloneFound found) =>
        state is Agent.Enrolled { CloneFound: null } ? Outcome.Of(found) : Outcome.Nothing;

    /// <param name="flagged">The clone that was found already.</param>
    public async Task<(Turn Turn, AgentCloneFound? Clone)> Asked(string agent, LeaseAsk ask, AgentCloneFound? flagged, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        now = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
        Turn turn;
        LeaseOwner before;
        do
        {
            before = await table.Owner(agent, cancel);
            turn = before.Asked(ask, now, flagged is not null, Guid.CreateVersion7(now));
        }
        while (turn.Owner != before && !IsHeardAlready(before, turn.Owner) && !await table.Own(agent, before, turn.Owner, cancel));
        var clone = turn is Turn.Granted granted ? granted.Twins : ((Turn.Refused)turn).Twins;
        return flagged is null && clone is var (owner, rival) ? (turn, await Flag(agent, owner, rival, now, cancel)) : (turn, flagged);
    }

    private static bool IsHeardAlready(LeaseOwner before, LeaseOwner after) =>
        after == before with { HeardAt = after.HeardAt } && after.HeardAt - before.HeardAt is var since && since >= TimeSpan.Zero && since < HeardEvery;

    private async Task<AgentCloneFound> Flag(string agent, Guid owner, Guid rival, DateTimeOffset now, CancellationToken cancel)
    {
        var found = new AgentCloneFound(
            agent, "lease", $"two processes live with the identity of this agent, {owner:D} and {rival:D}: its state was copied. Retire it, and enrol it anew with an empty state folder",
            owner, rival);
        await handle.Run(
            new Handling<Agent>(
                Ids.Agent(agent), Agent.StreamType, Agent.Initial, Agent.Evolve, state => Decide(state, found),
                new EventContext(Actor.System("agents"), Guid.CreateVersion7(now))),
            cancel);
        return found;
    }
}
