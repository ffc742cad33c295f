namespace AccessPlane.Agent.Recording;

/// <summary>
/// The sealed parts of one transcript, in their order: those that the control plane holds, whose bytes are copies, and behind them those that it is still to
/// take. Used by one at a time: whoever has the file's guard.
/// </summary>
internal sealed class SpoolParts
{
    private readonly Queue<(SealedPart Part, long Log, long Position)> copies = new();
    private readonly Queue<SealedPart> waiting = new();
    private int again;

    /// <summary>The oldest that the control plane has not taken; null where there is none.</summary>
    public SealedPart? Oldest => waiting.TryPeek(out var part) ? part : null;

    public void Add(SealedPart part) => waiting.Enqueue(part);

    /// <summary>The oldest is waited for no longer.</summary>
    public void Leave() => waiting.Dequeue();

    /// <param name="position">Where the log of that log holds it.</param>
    public void Keep(SealedPart part, long log, long position) => copies.Enqueue((part, log, position));

    /// <summary>The oldest copy goes, where a checkpoint covers it.</summary>
    public SealedPart? Forget(Witnessed witness) =>
        copies.TryPeek(out var oldest) && witness.Covers(oldest.Log, oldest.Position) ? copies.Dequeue().Part : null;

    /// <summary>What another log than this one held waits again, before all that came after it.</summary>
    /// <returns>Whether there is any.</returns>
    public bool SendAgain(long log)
    {
        if (copies.All(c => c.Log == log))
        {
            return false;
        }
        var after = waiting.ToArray();
        waiting.Clear();
        foreach (var part in copies.Select(c => c.Part).Concat(after))
        {
            waiting.Enqueue(part);
        }
        again = copies.Last().Part.Number;
        copies.Clear();
        return true;
    }

    /// <summary>Whether a part was held once by a log that is no more.</summary>
    public bool WasHeld(SealedPart part) => part.Number <= again;
}
