using System.Collections.Concurrent;
using AccessPlane.Agent.Directives;
using AccessPlane.Agent.Gate;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Tests.Integration.Agents;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>Logins by an issuer's tokens. Where there is no grant the test is asked, and answers in the control plane's place.</summary>
internal sealed class TokenDoor : IDisposable
{
    private readonly PlaneKeys plane = new();
    private readonly IssuerKeys keys = new(TimeProvider.System);
    private readonly AgentIdentity identity;

    /// <param name="hears">Hears each ask as it is sent.</param>
    public TokenDoor(InForce inForce, Tickets used, string issuer, TimeProvider time, Action<LoginAsk> hears)
    {
        inForce.Swap(inForce.Current with
        {
            Issuers = [new IssuerTerms(issuer, "accessplane", "accessplane-reviews", ["RS256"], "groups", "kind", ActorKind.Workload, [])],
        });
        identity = plane.Enrol("wire");
        void Ask(LoginAsk ask)
        {
            hears(ask);
            Asked.Add(ask);
        }

        Logins = new TokenLogins(inForce, keys, used, new LoginDesk(inForce, identity, Pending, Ask, time));
    }

    public TokenLogins Logins { get; }

    /// <summary>Who waits.</summary>
    public PendingLogins Pending { get; } = new();

    /// <summary>What the control plane was asked.</summary>
    public BlockingCollection<LoginAsk> Asked { get; } = [];

    /// <summary>The next ask, as the control plane would read it: with the token that was sealed for it.</summary>
    public (LoginAsk Ask, string? Token) NextAsked()
    {
        var ask = Asked.TryTake(out var next, TimeSpan.FromSeconds(20)) ? next : throw new TimeoutException("nobody was asked");
        return (ask, Sealed.Open(plane.Encryption, ask.Token, LoginDesk.ContextOf("wire", ask.Ask)));
    }

    public void Dispose()
    {
        identity.Dispose();
        keys.Dispose();
        plane.Dispose();
        Asked.Dispose();
    }
}
