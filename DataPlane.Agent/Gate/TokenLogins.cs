using System.Security.Cryptography;
using System.Text;
using AccessPlane.Agent.Directives;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Gate;

/// <param name="Name">The login's user name: an entitlement's id, a grant's id, or empty of meaning.</param>
public sealed record TokenBearer(string Resource, string Name, string Token, string Database, string Client);

/// <summary>The client's end of a login that may take its time.</summary>
/// <param name="Proven">It has proven who it is, and may have to wait for others: it is no stranger any more.</param>
/// <param name="Tell">A line for it while it waits: which request, and where to approve it.</param>
public sealed record LoginWait(Action Proven, Func<string, ValueTask> Tell);

/// <param name="Unproven">The bearer did not even prove who they are: they get the uniform answer.</param>
public sealed record TokenFinding(Guid Grant, Refusal? Refusal, bool Unproven = false)
{
    internal static TokenFinding Refuse(string code, string detail) => new(Guid.Empty, new Refusal(code, detail));
    internal static TokenFinding Unprove(Refusal refusal) => new(Guid.Empty, refusal, Unproven: true);
}

/// <summary>
/// From an OIDC token to the grant that its bearer may use. Checked here with the issuer's keys; where there is no grant yet, the control plane
/// is asked, which checks the token again.
/// </summary>
public sealed class TokenLogins(InForce inForce, IssuerKeys keys, Tickets used, LoginDesk desk)
{
    /// <summary>A bearer token can be used by whoever sees it: one for logins may not live long.</summary>
    public static readonly TimeSpan LongestLife = TimeSpan.FromMinutes(15);

    /// <summary>Asks of one identity that came to nothing, before it has to wait until some of them are forgiven: each is work for the control plane.</summary>
    public const int MostRefusedAsks = 20;
    private static readonly TimeSpan ForgivenAfter = TimeSpan.FromSeconds(6);

    private readonly Pace<string> refused = new(inForce.Clock, ForgivenAfter, MostRefusedAsks);

    public async ValueTask<TokenFinding> FindGrant(TokenBearer bearer, LoginWait wait, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(bearer);
        ArgumentNullException.ThrowIfNull(wait);
        var now = inForce.Time.Latest;
        var reading = TokenReader.Read(bearer.Token, TokenUse.Access, inForce.Current.Issuers, now);
        if (reading is not TokenReading.Read { Token: var unverified })
        {
            return TokenFinding.Unprove(((TokenReading.Refused)reading).Refusal);
        }
        if (await keys.Prove(unverified, now, cancel) is not { } token)
        {
            return TokenFinding.Unprove(new Refusal("token-signature", "the token's signature is not its issuer's, or the issuer's keys cannot be had"));
        }
        if (token.ExpiresAt - token.IssuedAt > LongestLife)
        {
            return TokenFinding.Refuse("token-life", $"a token for a login may live at most {LongestLife.TotalMinutes} minutes: get one that is shorter");
        }
        wait.Proven();
        var finding = Existing(bearer, token.Actor) ?? await Ask(bearer, token.Actor, wait, cancel);
        return finding.Refusal is null && await AlreadyUsed(finding.Grant, token, cancel)
            ? TokenFinding.Refuse("token-used", "the token was used before, and under this entitlement each counts once: get a new one")
            : finding;
    }

    private async ValueTask<TokenFinding> Ask(TokenBearer bearer, Actor actor, LoginWait wait, CancellationToken cancel)
    {
        if (refused.IsOver(actor.ChainKey))
        {
            return TokenFinding.Refuse("too-many-logins", "too many of your logins came to nothing: try again in a minute");
        }
        var finding = await desk.Ask(bearer, wait.Tell, cancel);
        if (finding.Refusal is not null)
        {
            refused.Count(actor.ChainKey);
        }
        return finding;
    }

    /// <summary>The active grant that the login means; null where the control plane must be asked.</summary>
    private TokenFinding? Existing(TokenBearer bearer, Actor actor)
    {
        var snapshot = inForce.Current;
        var own = (snapshot.GrantsByHolder.GetValueOrDefault(actor.ChainKey) ?? [])
            .Select(id => snapshot.Grants[id])
            .Where(g => g.Resource == bearer.Resource && inForce.Time.Latest < g.NotAfter && Means(bearer.Name, g, snapshot))
            .ToList();
        var fitting = own.FindAll(g => g.TokenLogin.Allows(actor));
        return fitting switch
        {
            [var only] => new TokenFinding(only.Grant, null),
            [] when own.Count > 0 => TokenFinding.Refuse(
                "token-login-not-allowed", $"a token is not taken as the password under `{own[0].Entitlement}`: use a ticket"),
            [] => null,
            _ => TokenFinding.Refuse(
                "several-grants",
                $"several grants fit: use one of {string.Join(", ", fitting.Select(g => g.Entitlement).Distinct().Count() == fitting.Count
                    ? fitting.Select(g => $"`{g.Entitlement}`") : fitting.Select(g => $"`{g.Grant:D}`"))} as the user name"),
        };
    }

    /// <summary>A name that is an entitlement's or a grant's means that one; any other name means nothing.</summary>
    private static bool Means(string name, GrantLease grant, Snapshot snapshot) =>
        Guid.TryParse(name, out var id) ? grant.Grant == id : name == grant.Entitlement || snapshot.Policy.Model.Entitlement(name) is null;

    /// <summary>Under `once` a token counts once at this agent: its use is on disk like a ticket's.</summary>
    private async ValueTask<bool> AlreadyUsed(Guid grant, ValidToken token, CancellationToken cancel)
    {
        if (!inForce.Current.Grants.TryGetValue(grant, out var lease) || !lease.TokenLogin.Once)
        {
            return false;
        }
        var mark = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{token.Issuer.Issuer}\n{token.Id}")));
        var end = token.ExpiresAt + TokenReader.Skew;
        var once = new TicketOffer(Tickets.TokenMark(mark, end), grant, "", 1, end, "");
        return token.Id is null || !await Task.Run(() => used.Take(once, inForce.Time.Latest), cancel);
    }
}
