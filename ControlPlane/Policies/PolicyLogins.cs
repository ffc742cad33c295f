using System.Text;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>An entitlement's `login`.</summary>
internal static class PolicyLogins
{
    private const int LongestRole = 63;
    private static readonly Dictionary<string, string?> Privileges = LoginTerms.All.ToDictionary(p => p, p => (string?)p);

    /// <summary>Null where it is left out, or cannot be read.</summary>
    public static LoginTerms? Read(PolicyFields fields, YamlNode? node)
    {
        if (fields.Map(node, ["member-of", "privileges"]) is not { } map)
        {
            return null;
        }
        if (map.Entries.Count == 0)
        {
            fields.Problems.Error(map, "says nothing: give `member-of`, `privileges` or both, or leave it out");
        }
        return new LoginTerms(Roles(fields, map["member-of"]), [.. fields.NotEmpty(map["privileges"]).Select(p => fields.Choice(p, Privileges, null)).OfType<string>().Distinct()]);
    }

    private static IReadOnlyList<string> Roles(PolicyFields fields, YamlNode? node)
    {
        foreach (var role in (node as YamlList)?.Items.OfType<YamlScalar>() ?? [])
        {
            if (WhyNotRole(role.Value) is { } why)
            {
                fields.Problems.Error(role, why);
            }
        }
        return [.. fields.Texts(node).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>The login gets what the role is granted on tables; these have nothing of that kind, or all of it.</summary>
    private static string? WhyNotRole(string role) =>
        role is "public" or "none" ? $"`{role}` is not a role that somebody could be a member of"
        : role.StartsWith("pg_", StringComparison.Ordinal) ? $"`{role}` is one of PostgreSQL's own roles, whose rights are no grants on tables: name a role of yours"
        : Encoding.UTF8.GetByteCount(role) > LongestRole ? $"names of roles have at most {LongestRole} bytes"
        : null;
}
