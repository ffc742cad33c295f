using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>A grant as the API shows it.</summary>
/// <param name="Agents">Where it is, or was, in force: an end is complete when every agent acknowledged it or its lease ran out.</param>
/// <param name="Login">What its just-in-time logins may do in the database; absent for whatever the agent's own credential may.</param>
public sealed record GrantView(
    Guid Id, string State, string Resource, string Entitlement, Actor Holder, Scope Scope, Guid Request, DateTimeOffset IssuedAt,
    DateTimeOffset ActivateBy, DateTimeOffset? ActivatedAt, DateTimeOffset? NotAfter, int MaxConnections, bool BreakGlass, ReviewDebtRow? Debt,
    int Tickets, IReadOnlyList<GrantAgent> Agents, DateTimeOffset? EndedAt, Actor? EndedBy, string? Cause, long PolicyVersion,
    LoginTerms? Login)
{
    public static GrantView Of(GrantRow row, IEnumerable<AgentRow> agents, IReadOnlyDictionary<string, AgentProgress> progress, PolicyModel policy, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(row);
        var seen = row.At(now);
        return new GrantView(
            seen.Id, seen.State, seen.Resource, seen.Entitlement, seen.Holder, seen.Scope, seen.Request, seen.IssuedAt, seen.ActivateBy,
            seen.ActivatedAt, seen.NotAfter, seen.MaxConnections, seen.BreakGlass, seen.Debt, seen.Tickets,
            [.. agents.Where(a => a.State != "Retired" && a.Resources.Contains(row.Resource)).Select(a => Agent(a, row, progress, policy.Resource(row.Resource)?.FreezeAfter ?? TimeSpan.Zero))],
            seen.EndedAt, seen.EndedBy, seen.Cause, seen.PolicyVersion, seen.Login);
    }

    private static GrantAgent Agent(AgentRow agent, GrantRow row, IReadOnlyDictionary<string, AgentProgress> progress, TimeSpan freezeAfter)
    {
        var (end, word) = (row.Acknowledged.FirstOrDefault(a => a.Agent == agent.Id), progress.GetValueOrDefault(agent.Id));
        // an agent that was started since, or enrolled, took the whole state: it has nothing to cut, and says only how far it is
        return new GrantAgent(agent.Id, end is not null || word?.Applied >= row.EndPosition, word?.LeaseEndsAt(freezeAfter), end?.Sessions, end?.Cut);
    }
}

/// <param name="Acknowledged">The grant's end is in force there.</param>
/// <param name="LeaseEndsAt">At worst, nothing is forwarded there after this without a word from the control plane.</param>
/// <param name="Sessions">How many live sessions the end cut.</param>
/// <param name="Cut">From the agent's receipt of the order to the last session cut.</param>
public sealed record GrantAgent(string Id, bool Acknowledged, DateTimeOffset? LeaseEndsAt, int? Sessions, TimeSpan? Cut);
