namespace AccessPlane.Agent.Relay;

/// <summary>
/// A protocol's eyes on a relay: bytes in, verdicts out, no socket inside. Called under <see cref="Guard"/>, for both directions in turn.
/// </summary>
internal abstract class Conversation
{
    public Lock Guard { get; } = new();

    /// <summary>Whether anything may pass at this moment. Asked before every batch, from both directions.</summary>
    public abstract bool MayForward { get; }

    /// <summary>Completes when bytes may pass again, or never will: false.</summary>
    public abstract ValueTask<bool> Thawed();

    /// <summary>Completes when the record of what was judged so far is where it must be before the server gets any of it; false where it never will be.</summary>
    public abstract ValueTask<bool> Kept();

    public abstract Verdict FromClient(ReadOnlySpan<byte> pending);

    public abstract Verdict FromServer(ReadOnlySpan<byte> pending);

    /// <summary>The slow work that <see cref="FromClient"/> asked for, with the same bytes. Called without the guard.</summary>
    public abstract ValueTask Prepare(ReadOnlyMemory<byte> pending);

    /// <summary>The client sends no more. What must still be said to the server in its name; Hold to be asked again later.</summary>
    public abstract Verdict ClientEnded();

    /// <summary>Whether <see cref="Act.Hold"/> may be over.</summary>
    public abstract bool MayGoOn { get; }

    /// <summary>Whether <see cref="Act.Park"/> is not over yet.</summary>
    public abstract bool IsParked { get; }

    /// <summary>Whether the client says goodbye behind what is parked.</summary>
    /// <param name="pending">From what is parked on.</param>
    public abstract bool SaysGoodbye(ReadOnlySpan<byte> pending);

    /// <summary>The client left while something was parked: it is not done any more.</summary>
    public abstract void LeftWhileParked();

    /// <summary>What the client has received ends where a message ends.</summary>
    public abstract bool ClientIsBetweenMessages { get; }

    /// <summary>Whether the server has answered everything.</summary>
    public abstract bool IsQuiet { get; }

    /// <summary>What was judged last has reached the client.</summary>
    public abstract void Delivered();

    /// <summary>What the conversation itself has to say to the server now; empty for nothing. The client's bytes do not follow before it is answered.
    /// Called under the guard.</summary>
    public abstract ReadOnlyMemory<byte> TakeReply();

    /// <summary>Bytes of the server that no longer reach the client.</summary>
    /// <returns>How many were read; fewer than there are where the rest is incomplete.</returns>
    public abstract int Drained(ReadOnlySpan<byte> pending);
}
