using AccessPlane.Contracts;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>Load → fold → Decide → append: the only place where a decider meets I/O.</summary>
public sealed class Handle(EventLog log)
{
    /// <summary>A stream on which this many appends were lost in a row is under a load that no retry cures.</summary>
    private const int MostTries = 20;

    /// <summary>The caller insisted on a version that is not the stream's.</summary>
    public static Refusal VersionMismatch { get; } = new("version-mismatch", "it has changed since you read it: read it again");

    /// <summary>Decides on the stream's state and appends what happened. A lost race is decided again on the new state, so that the loser's
    /// answer is the decider's own.</summary>
    public async Task<Handled<TState>> Run<TState>(Handling<TState> handling, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(handling);
        for (var tries = 1; ; tries++)
        {
            var (state, version) = await Load(handling.Stream, handling.Type, handling.Initial, handling.Evolve, cancel);
            if (handling.IfMatch is { } wanted && wanted != version && !await WasRun(handling.Command, cancel))
            {
                return new Handled<TState>(state, version, 0, VersionMismatch, false);
            }
            switch (handling.Decide(state))
            {
                case Outcome.Refused refused:
                    // a repeated command is often refused by what its first run made of the state: it is told what it was told then
                    return await WasRun(handling.Command, cancel)
                        ? new Handled<TState>(state, version, 0, null, true)
                        : new Handled<TState>(state, version, 0, refused.Refusal, false);
                case Outcome.Happened { Events.Count: 0, Streams.Count: 0 } nothing:
                    return new Handled<TState>(state, version, 0, nothing.ThenRefuse, false);
                case Outcome.Happened happened:
                    if (await TryAppend(handling, state, version, happened, cancel) is { } handled)
                    {
                        return handled;
                    }
                    break;
                default:
                    throw new InvalidOperationException("an outcome is a refusal or what happened");
            }
            if (tries == MostTries)
            {
                return new Handled<TState>(state, version, 0, new Refusal("too-busy", "too many changes at once: try again"), false);
            }
        }
    }

    /// <summary>The state of a stream and its version (0: it does not exist). One of another type is not there: a grant's id names no request.</summary>
    public async Task<(TState State, long Version)> Load<TState>(
        Guid stream, string type, TState initial, Func<TState, IEvent, TState> evolve, CancellationToken cancel)
    {
        var events = await log.ReadStream(stream, type, cancel);
        return (events.Aggregate(initial, (state, stored) => evolve(state, stored.Event)), events.Count);
    }

    private async Task<bool> WasRun(Guid? command, CancellationToken cancel) => command is { } id && await log.WasRun(id, cancel);

    private async Task<Handled<TState>?> TryAppend<TState>(
        Handling<TState> handling, TState state, long version, Outcome.Happened happened, CancellationToken cancel)
    {
        var streams = new List<StreamAppend>();
        if (happened.Events.Count > 0)
        {
            streams.Add(new StreamAppend(handling.Stream, handling.Type, version, happened.Events));
        }
        streams.AddRange(happened.Streams.Select(s => new StreamAppend(s.Id, s.Type, 0, s.Events)));
        Appended appended;
        try
        {
            appended = await log.Append(new Append(streams, handling.Context, handling.Command), cancel);
        }
        catch (TextNotStorableException unfit)
        {
            return new Handled<TState>(state, version, 0, new Refusal("invalid-text", unfit.Message), false);
        }
        switch (appended)
        {
            case Appended.Done done:
                return new Handled<TState>(
                    happened.Events.Aggregate(state, handling.Evolve), version + happened.Events.Count, done.Position, happened.ThenRefuse, false);
            case Appended.Repeated repeated:
                var (now, current) = await Load(handling.Stream, handling.Type, handling.Initial, handling.Evolve, cancel);
                return new Handled<TState>(now, current, repeated.Position, null, true);
            default:
                return null;
        }
    }
}

/// <param name="Type">The stream's type, as in <see cref="StreamAppend"/>.</param>
/// <param name="Command">The command's id, where it has one: a repeat is answered with the state as it is, and changes nothing.</param>
/// <param name="IfMatch">The version that the caller insisted on; another one refuses with `version-mismatch`.</param>
public sealed record Handling<TState>(
    Guid Stream, string Type, TState Initial, Func<TState, IEvent, TState> Evolve, Func<TState, Outcome> Decide, EventContext Context,
    Guid? Command = null, long? IfMatch = null);

/// <param name="State">After the command; where it was refused, the state that refused it.</param>
/// <param name="Position">Global position of the last event appended; 0 where none was.</param>
public sealed record Handled<TState>(TState State, long Version, long Position, Refusal? Refusal, bool Repeated);
