#pragma warning disable CS9113
using AccessPlane.Contracts;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>Load → fold → Decide → append: the only place where a decider meets I/O.</summary>
public sealed class Handle(EventLog log)
{
    /// <summary>Decides on the stream's state and appends what happened. A lost race is decided again on the new state, so that the loser's
    /// answer is the decider's own.</summary>
    public Task<Handled<TState>> Run<TState>(Handling<TState> handling, CancellationToken cancel) => throw new NotSupportedException();

    /// <summary>The state of a stream and its version (0: it does not exist).</summary>
    public Task<(TState State, long Version)> Load<TState>(Guid stream, TState initial, Func<TState, IEvent, TState> evolve, CancellationToken cancel) =>
        throw new NotSupportedException();
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
