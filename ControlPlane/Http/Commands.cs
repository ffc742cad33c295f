using System.Globalization;
using AccessPlane.Contracts;

namespace AccessPlane.ControlPlane.Http;

/// <summary>What every command needs to know of the call that brought it.</summary>
/// <param name="Id">The command's id, from the caller, the path and the Idempotency-Key; null where no key was sent.</param>
/// <param name="IfMatch">The version that the caller insists on; <see cref="NoVersion"/> for one that no stream can have.</param>
public sealed record CommandContext(EventContext Context, Guid? Id, long? IfMatch)
{
    /// <summary>An If-Match that is well-formed but none of our versions: it can only fail.</summary>
    public const long NoVersion = -1;
}

public static class Commands
{
    public const string IdempotencyKey = "Idempotency-Key";

    /// <summary>The command that this call carries.</summary>
    public static CommandContext Command(this HttpContext http)
    {
        ArgumentNullException.ThrowIfNull(http);
        var caller = http.Caller();
        return new CommandContext(new EventContext(caller.Actor, http.Correlation()), http.CommandId(), http.IfMatch());
    }

    /// <summary>Whether it is one that changes something: what only reads needs no key.</summary>
    internal static bool IsCommand(this HttpContext http) => HttpMethods.IsPost(http.Request.Method) || HttpMethods.IsPut(http.Request.Method) || HttpMethods.IsDelete(http.Request.Method);

    /// <summary>The same caller, path and key give the same id; another caller's key is another command.</summary>
    internal static Guid? CommandId(this HttpContext http)
    {
        if (!http.IsCommand() || http.CallerOrNull() is not { } caller ||
            http.Request.Headers[IdempotencyKey] is not [{ Length: > 0 } key])
        {
            return null;
        }
        // routing takes paths in any case and with a slash at the end: those are the same command
        var path = (http.Request.Path.Value ?? "").TrimEnd('/').ToLowerInvariant();
        var what = HttpMethods.IsPost(http.Request.Method) ? path : $"{http.Request.Method} {path}";
        return Ids.Derive(Ids.Named("command", caller.Actor.ChainKey), $"{what}\n{key}");
    }

    internal static long? IfMatch(this HttpContext http) => http.Request.Headers.IfMatch.ToString() switch
    {
        "" or "*" => null,
        ['"', .. var version, '"'] when long.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out var number) => number,
        _ => CommandContext.NoVersion,
    };
}
