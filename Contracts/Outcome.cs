namespace AccessPlane.Contracts;

/// <summary>What a decider answers: events, or a refusal. Expected refusals are values, not exceptions.</summary>
public abstract record Outcome
{
    private Outcome() { }

    /// <summary>What happened. <see cref="Streams"/> holds events for further streams that must be appended in the same transaction.
    /// A refusal that an auditor wants to see is an event here together with <see cref="ThenRefuse"/>.</summary>
    public sealed record Happened(IReadOnlyList<IEvent> Events, IReadOnlyList<NewStream> Streams, Refusal? ThenRefuse = null) : Outcome;

    public sealed record Refused(Refusal Refusal) : Outcome;

    public static Outcome Of(params IReadOnlyList<IEvent> events) => new Happened(events, []);
    public static Outcome Nothing { get; } = new Happened([], []);
    public static Outcome Refuse(string code, string detail) => new Refused(new Refusal(code, detail));
}

/// <summary>A stream that begins with these events, in the same transaction.</summary>
public sealed record NewStream(Guid Id, string Type, IReadOnlyList<IEvent> Events);

/// <summary>Why something was not done. <paramref name="Code"/> is stable and kebab-case; <paramref name="Detail"/> tells the person what
/// happened and what to do: lower case, user's input in backticks, no internals.</summary>
public sealed record Refusal(string Code, string Detail)
{
    /// <summary>Per field problems of input, for 422.</summary>
    public IReadOnlyDictionary<string, string[]>? Errors { get; init; }
}
