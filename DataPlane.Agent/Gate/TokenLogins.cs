using AccessPlane.Contracts;

namespace AccessPlane.Agent.Gate;

/// <param name="Name">The login's user name: an entitlement's id, a grant's id, or empty of meaning.</param>
public sealed record TokenBearer(string Resource, string Name, string Token, string Database, string Client);

/// <param name="Unproven">The bearer did not even prove who they are: they get the uniform answer.</param>
public sealed record TokenFinding(Guid Grant, Refusal? Refusal, bool Unproven);

/// <summary>From an OIDC token to the grant that its bearer may use.</summary>
public sealed class TokenLogins
{
    public ValueTask<TokenFinding> FindGrant(TokenBearer bearer, Func<string, ValueTask> tell, CancellationToken cancel) =>
        ValueTask.FromResult(new TokenFinding(Guid.Empty, new Refusal("token-login-unavailable", "token logins are not available"), true));
}
