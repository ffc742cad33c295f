using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Gate;

/// <summary>Identity + target + what is in force → Permit | Refusal. Written once for all protocols.</summary>
public sealed class Gate
{
    /// <summary>A ticket that may still be used, for the proof of possession; null where there is none.
    /// Looking does not consume it.</summary>
    public TicketOffer? FindTicket(string resource, string ticket) => throw new NotSupportedException();

    /// <summary>Takes one connection of a ticket whose possession the client has proven. Exactly the stated number succeed, however many race.</summary>
    public ValueTask<Admission> AdmitTicket(string resource, string ticket, string database, CancellationToken cancel) => throw new NotSupportedException();

    /// <summary>Admits the bearer of an OIDC token; where there is no grant yet it asks for one and waits.</summary>
    /// <param name="name">The login's user name: an entitlement's id, a grant's id, or empty of meaning.</param>
    /// <param name="tell">Called with a line for the client while it waits: which request, and where to approve it.</param>
    public ValueTask<Admission> AdmitToken(
        string resource, string name, string token, string database, string client, Func<string, ValueTask> tell, CancellationToken cancel) =>
        throw new NotSupportedException();
}

public abstract record Admission
{
    private Admission() { }

    public sealed record Admitted(Permit Permit) : Admission;

    /// <summary>The detail may be shown to a peer that has proven who it is; <see cref="Unproven"/> peers get one uniform answer.</summary>
    public sealed record Refused(Refusal Refusal, bool Unproven) : Admission;
}
