using System.Text.Json;

namespace AccessPlane.Contracts.Events;

/// <summary>How an event lies in the log: its data, and the headers beside it. Whoever reads the log reads it through this.</summary>
public static class StoredJson
{
    private sealed record Headers(Identity.Actor Actor, long? PolicyVersion = null, IReadOnlyList<string>? Rules = null);

    /// <exception cref="TextNotStorableException">A text of the event cannot be kept.</exception>
    public static string DataOf(IEvent e)
    {
        ArgumentNullException.ThrowIfNull(e);
        return JsonSerializer.Serialize(e, e.GetType(), Json.Stored);
    }

    /// <exception cref="TextNotStorableException">A text of the context cannot be kept.</exception>
    public static string HeadersOf(EventContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return JsonSerializer.Serialize(new Headers(context.Actor, context.PolicyVersion, context.Rules), Json.Stored);
    }

    /// <summary>The event of a stored name and its data.</summary>
    /// <exception cref="InvalidOperationException">A newer version wrote it: whoever folds must stop here rather than pass over it.</exception>
    public static IEvent EventOf(string type, string data) =>
        EventNames.TypeOf(type) is { } known
            ? (IEvent)JsonSerializer.Deserialize(data, known, Json.Options)!
            : throw new InvalidOperationException($"the log holds an event `{type}` that this version does not know");

    public static EventContext ContextOf(string headers, string? correlation, string? causation)
    {
        var kept = JsonSerializer.Deserialize<Headers>(headers, Json.Options)!;
        return new EventContext(
            kept.Actor, correlation is null ? Guid.Empty : Guid.Parse(correlation), causation is null ? null : Guid.Parse(causation),
            kept.PolicyVersion, kept.Rules);
    }
}
