namespace AccessPlane.Contracts.Policy;

/// <summary>
/// What a session's just-in-time login may do in the database, never more than the agent's own credential. Both members bound it: with both, it has
/// the privileges that are listed, on the tables on which these roles have them.
/// </summary>
/// <param name="MemberOf">Roles of the database: the login gets what they are granted, except masked columns. Empty: whatever the agent's credential reaches.</param>
/// <param name="Privileges">Of <see cref="All"/>, on tables. Empty: all of them.</param>
public sealed record LoginTerms(IReadOnlyList<string> MemberOf, IReadOnlyList<string> Privileges)
{
    /// <summary>Every privilege on tables that a login can get.</summary>
    public static IReadOnlyList<string> All { get; } = ["select", "insert", "update", "delete"];

    private static readonly string[] Reading = ["select"];

    /// <summary>The privileges on tables that a login has at most, by its grant's terms and scope: within a scope that only reads nothing but `select`.
    /// Empty: none.</summary>
    /// <param name="login">Null bounds nothing.</param>
    public static IReadOnlyList<string> PrivilegesOf(LoginTerms? login, Scope scope)
    {
        ArgumentNullException.ThrowIfNull(scope);
        var most = scope.OnlyReads ? Reading : All;
        return login is not { Privileges.Count: > 0 } ? most : [.. most.Where(login.Privileges.Contains)];
    }

    /// <summary>What both allow; null bounds nothing. What a role is granted is not known here, so that only a role that both name is in both.</summary>
    /// <returns>False where nothing is left.</returns>
    public static bool TryIntersect(LoginTerms? one, LoginTerms? two, out LoginTerms? both)
    {
        both = one ?? two;
        if (one is null || two is null)
        {
            return true;
        }
        both = Common(one.MemberOf, two.MemberOf) is { } roles && Common(one.Privileges, two.Privileges) is { } privileges
            ? new LoginTerms(roles, privileges)
            : null;
        return both is not null;
    }

    /// <summary>Whether they say the same.</summary>
    public static bool Same(LoginTerms? one, LoginTerms? two) =>
        one is null || two is null ? one is null && two is null : one.MemberOf.SequenceEqual(two.MemberOf) && one.Privileges.SequenceEqual(two.Privileges);

    /// <summary>Null where nothing is in both. An empty list means any, so an empty intersection must not become one.</summary>
    private static IReadOnlyList<string>? Common(IReadOnlyList<string> one, IReadOnlyList<string> two)
    {
        if (one.Count == 0 || two.Count == 0)
        {
            return one.Count == 0 ? two : one;
        }
        string[] both = [.. one.Where(two.Contains)];
        return both.Length == 0 ? null : both;
    }
}
