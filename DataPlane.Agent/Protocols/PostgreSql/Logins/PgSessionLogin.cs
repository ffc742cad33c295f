using AccessPlane.Agent.Gate;
using AccessPlane.Agent.Protocols.PostgreSql.Masking;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.Agent.Protocols.PostgreSql.Logins;

/// <summary>Who a session is at the database, and what it sees there. Disposed of when the session's backend is gone.</summary>
/// <param name="Views">Null where it sees relations as they are.</param>
/// <param name="Record">For the transcript; null for the agent's own login.</param>
internal sealed record PgSessionLogin(PgCredential Credential, PgViews? Views, SessionLogin? Record) : IDisposable
{
    private Action? giveBack;

    /// <summary>Fails where the login must not be used after all, at the server that the session has come to. No byte of the client goes to the database before it has completed. What it gives is
    /// what the holder is told of masks; null where there are none.</summary>
    public Func<PgCluster?, Task<MaskHelp?>> Confirm { get; init; } = _ => Task.FromResult<MaskHelp?>(null);

    /// <summary>What is done where the database does not know the login.</summary>
    public Func<Task> Unknown { get; init; } = () => Task.CompletedTask;

    /// <summary>A way to the database with this login.</summary>
    public async Task<T> Way<T>(Task<T> dialling)
    {
        try
        {
            return await dialling;
        }
        catch (PgUnreachable unreachable) when (unreachable.IsLoginRefused)
        {
            await Unknown();
            throw;
        }
    }

    public Action? GiveBack { init => giveBack = value; }

    public void Dispose() => Interlocked.Exchange(ref giveBack, null)?.Invoke();
}

/// <summary>What a just-in-time login follows from: two that are the same see the same.</summary>
/// <param name="Masked">Rules that PostgreSQL enforces on it.</param>
/// <param name="Exempt">Rules that are not for its holder.</param>
internal sealed record LoginGround(IReadOnlyList<MaskRule> Masked, IReadOnlyList<MaskRule> Exempt, LoginTerms Terms)
{
    /// <summary>Null where the resource's columns are hidden on the wire.</summary>
    public static LoginGround? Of(Permit permit) => permit.Resource.Masking == MaskingMode.Server
        ? new LoginGround(permit.Masks.Masked, permit.Masks.Exempt, TermsOf(permit.Grant.Login, permit.Grant.Scope))
        : null;

    /// <summary>One for each kind of login that people can have who are exempt from nothing: what is made ready before anyone comes.</summary>
    public static IEnumerable<LoginGround> Usual(PolicyModel policy, string resource, string database)
    {
        var rules = ServerMasks.RulesOf(policy, resource);
        return policy.Entitlements.Where(e => e.Resource == resource && e.Scope.AllowsDatabase(database))
            .Select(e => new LoginGround(rules, [], TermsOf(e.Login, e.Scope))).DistinctBy(g => g.Key);
    }

    /// <summary>Equal for grounds that lead to the same privileges and views.</summary>
    public string Key => field ??= System.Text.Json.JsonSerializer.Serialize(new { Masked, Terms }, Contracts.Json.Options);

    /// <summary>The agent's own privileges are always the bound; here is what the grant leaves of them.</summary>
    private static LoginTerms TermsOf(LoginTerms? login, Scope scope) => new(login?.MemberOf ?? [], LoginTerms.PrivilegesOf(login, scope));
}
