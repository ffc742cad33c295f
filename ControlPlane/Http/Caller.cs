using AccessPlane.Contracts.Identity;

namespace AccessPlane.ControlPlane.Http;

/// <summary>Who calls, as their token proves it.</summary>
/// <param name="IsAdmin">By the groups that <c>Roles:Admins</c> names; every link that holds rights must be in one.</param>
/// <param name="Until">When the token ends, and with it whatever still runs for the caller.</param>
public sealed record Caller(Actor Actor, bool IsAdmin, bool IsAuditor, DateTimeOffset Until);

public static class CallerOf
{
    internal static readonly object Key = new();

    /// <summary>The caller of an endpoint that requires one.</summary>
    /// <exception cref="InvalidOperationException">The endpoint lets anonymous callers in.</exception>
    public static Caller Caller(this HttpContext http) =>
        http.CallerOrNull() ?? throw new InvalidOperationException("the endpoint lets anonymous callers in: it has no caller");

    internal static Caller? CallerOrNull(this HttpContext http)
    {
        ArgumentNullException.ThrowIfNull(http);
        return http.Items.TryGetValue(Key, out var caller) ? (Caller?)caller : null;
    }
}
