using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>A grant as commands answer with it; `GET /v1/grants/{id}` adds how far each agent has come.</summary>
/// <param name="State">`Approved`, `Active`, `Expired`, `Revoked`, `Surrendered`, `ActivationLapsed` or `ActivationRefused`.</param>
/// <param name="NotAfter">The absolute end; absent before activation.</param>
/// <param name="ReviewBy">Until when a break-glass grant must have been reviewed.</param>
/// <param name="Why">Why it ended, where somebody ended it.</param>
public sealed record GrantAnswer(
    Guid Id, string State, Guid Request, string Resource, string Entitlement, Actor Holder, Scope Scope, TimeSpan Duration, DateTimeOffset ActivateBy,
    DateTimeOffset? ActivatedAt, DateTimeOffset? NotAfter, int MaxConnections, TokenLogin TokenLogin, bool BreakGlass, DateTimeOffset? ReviewBy,
    string? EndedBy, string? Why)
{
    public static GrantAnswer Of(Grant.Known state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var issued = state.Issued;
        var active = state as Grant.Active;
        var terms = active?.Terms ?? (state as Grant.Ended)?.Last;
        var (by, why) = state switch
        {
            Grant.Revoked r => (r.By.Key, r.Why),
            Grant.Surrendered s => (s.By.Key, null),
            Grant.ActivationRefused r => (null, r.Why),
            _ => (null, (string?)null),
        };
        return new GrantAnswer(
            issued.Grant, state.Name, issued.Request, issued.Resource, issued.Entitlement, issued.Holder, terms?.Scope ?? issued.Scope, issued.Duration,
            issued.ActivateBy, active?.ActivatedAt, terms?.NotAfter, terms?.MaxConnections ?? issued.MaxConnections, terms?.TokenLogin ?? issued.TokenLogin,
            issued.BreakGlass, state.Debt?.ReviewBy, by, why);
    }

    /// <summary>Who may know of a grant: its holder and the person in whose name it is held, its approvers, admins and auditors.</summary>
    public static bool MaySee(Grant.Known state, Caller caller, PolicyModel policy)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(caller);
        return caller.IsAuditor || Holding.IsHolder(state, caller.Actor) ||
            (caller.Actor.Act.Count == 0 && state.Issued.Holder.Key == caller.Actor.Key) ||
            Holding.HasAuthority(state, caller.Actor, caller.IsAdmin, policy);
    }

    /// <summary>200 with the grant; where the command was refused, the problem, with what was decided for who may see it.</summary>
    internal static IResult Answer(Handled<Grant> handled, Caller caller, PolicyModel policy)
    {
        var known = handled.State as Grant.Known;
        if (handled.Refusal is { } refusal)
        {
            return Problems.Of(refusal, known is not null && MaySee(known, caller, policy) ? Of(known) : null);
        }
        return Answers.Ok(Of(known!), handled.Version);
    }
}
