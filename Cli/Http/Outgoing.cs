using System.Globalization;
using System.Net.Http.Headers;

namespace AccessPlane.Cli.Http;

/// <summary>One call of the API, the same however often it is sent.</summary>
/// <param name="Path">From the root on, with its query.</param>
internal sealed record Outgoing(HttpMethod Method, string Path)
{
    public byte[]? Body { get; init; }

    public string Type { get; init; } = "application/json";

    /// <summary>By which the control plane knows a repeat of a command for one; what only reads has none.</summary>
    public string? Key { get; } = Method == HttpMethod.Get ? null : Guid.CreateVersion7().ToString("D");

    public long? IfMatch { get; init; }

    public string? Accept { get; init; }

    /// <summary>Its answer is read as it comes, and not when it is whole.</summary>
    public bool Streams { get; init; }

    /// <summary>The command that shows whether it was done; null where nothing is, or nothing that would be missed.</summary>
    public string? ShownBy => Method == HttpMethod.Get ? null : Path.Split('/') switch
    {
        [_, _, _, _, "tickets"] => null, // one that nobody heard of ends by itself
        [_, _, "requests", ..] => "accessplane requests",
        [_, _, "grants", ..] => "accessplane grants --all",
        [_, _, "sessions", ..] => "accessplane sessions",
        [_, _, "holds", ..] => "accessplane holds --all",
        [_, _, "locks", ..] => "accessplane locks",
        [_, _, "policies"] => "accessplane policy show",
        _ => null,
    };

    public HttpRequestMessage Message(string token)
    {
        var message = new HttpRequestMessage(Method, new Uri(Path.TrimStart('/'), UriKind.Relative));
        message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (Body is { } body)
        {
            message.Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue(Type) } };
        }
        if (Key is { } key)
        {
            message.Headers.Add("Idempotency-Key", key);
        }
        if (IfMatch is { } version)
        {
            message.Headers.IfMatch.Add(new EntityTagHeaderValue(string.Create(CultureInfo.InvariantCulture, $"\"{version}\"")));
        }
        if (Accept is { } accept)
        {
            message.Headers.Accept.ParseAdd(accept);
        }
        return message;
    }
}
