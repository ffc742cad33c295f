using System.Text.Json;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Http;

/// <summary>A refusal of the API (RFC 9457), told to people.</summary>
internal static class Problem
{
    private sealed record Shape(string? Title, string? Detail, string? Code, IReadOnlyDictionary<string, string[]>? Errors);

    public static StopException Of(int status, string body)
    {
        JsonElement? raw = null;
        var shape = new Shape(null, null, null, null);
        try
        {
            raw = JsonSerializer.Deserialize<JsonElement>(body);
            shape = raw.Value.Deserialize<Shape>(Json.Options) ?? shape;
        }
        catch (JsonException)
        {
            // a proxy's page, or nothing: the status is all there is
        }
        var code = shape.Code ?? "";
        var detail = shape.Detail ?? shape.Title ?? $"the control plane answered {status}";
        var further = (shape.Errors ?? new Dictionary<string, string[]>()).SelectMany(e => e.Value.Select(v => v == detail ? null : $"`{e.Key}` {v}")).OfType<string>();
        return new StopException(Exit.Of(status, code), string.Join("; ", further.Prepend(detail)), Next(status, code), raw);
    }

    private static string? Next(int status, string code) => (status, code) switch
    {
        (401, _) => "sign in with `accessplane login`, or bring another token",
        (403, "locked") => "an admin can lift the lock",
        (403, "self-review") => "ask another approver",
        (409, "agent-exists") => null,
        (409, _) => "look at it again: somebody may have been faster",
        (404, _) => "check its id: what you may not see is not shown either",
        (429 or >= 500, _) => "try again in a moment",
        _ => null,
    };
}
