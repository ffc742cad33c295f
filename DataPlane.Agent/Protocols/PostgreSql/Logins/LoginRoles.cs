using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.Agent.Protocols.PostgreSql.Logins;

/// <summary>
/// The roles of just-in-time logins to one database, as statements. Roles belong to the whole server: their names begin with what only this agent uses,
/// for this resource and database, so that what an earlier process left is told from everybody else's.
/// </summary>
internal sealed class LoginRoles(string agent, string resource, string database)
{
    /// <summary>So long the database takes a password that was made ahead; a session goes on beyond it.</summary>
    public static readonly TimeSpan Valid = TimeSpan.FromHours(1);

    private static readonly SearchValues<char> Hex = SearchValues.Create("0123456789abcdef");

    private readonly string prefix =
        $"accessplane_s_{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{agent}\n{resource}\n{database}")))[..10]}_";

    public JustInTimeCredential New(DateTimeOffset now) => new(prefix + RandomNumberGenerator.GetHexString(16, lowercase: true), now + Valid);

    /// <summary>In one transaction. The agent's own role becomes a member, so that it may end and clear away what the login does.</summary>
    public static Task Create(PgQueries own, string group, IEnumerable<JustInTimeCredential> logins, CancellationToken cancel)
    {
        // what a crash of the database forgets here belongs to sessions that it ended
        var sql = new StringBuilder("set local synchronous_commit = off;\n");
        foreach (var login in logins)
        {
            sql.Append(CultureInfo.InvariantCulture,
                $"create role {login.User} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls inherit connection limit 1 password '{login.Verifier}' " +
                $"valid until '{login.Until.UtcDateTime:yyyy-MM-dd HH:mm:ss}+00' in role {group} role current_user;\n");
        }
        return own.Rows(sql.ToString(), cancel);
    }

    /// <summary>Ends what runs as them; what they made of lasting things (large objects, say) stays, as the agent's own.</summary>
    public static Task Drop(PgQueries own, IEnumerable<string> roles, CancellationToken cancel)
    {
        var names = roles.ToList();
        var (all, texts) = (string.Join(", ", names), string.Join(", ", names.Select(n => $"'{n}'")));
        return own.Rows(
            $"""
             set local synchronous_commit = off;
             select pg_terminate_backend(pid) from pg_stat_activity where usename in ({texts});
             reassign owned by {all} to current_user;
             drop owned by {all};
             drop role {all};
             """, cancel);
    }

    /// <summary>Those of this door that are there.</summary>
    public async Task<List<string>> Left(PgQueries own, CancellationToken cancel) =>
        [.. (await own.Rows($"select rolname from pg_roles where starts_with(rolname, '{prefix}')", cancel)).Select(r => r[0]!).Where(IsOurs)];

    /// <summary>Whatever else could stand in a role's name does not get into a statement.</summary>
    private bool IsOurs(string role) => role.StartsWith(prefix, StringComparison.Ordinal) && role.AsSpan(prefix.Length).IndexOfAnyExcept(Hex) < 0;
}
