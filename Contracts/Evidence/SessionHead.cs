namespace AccessPlane.Contracts.Evidence;

/// <summary>What a session's whole evidence comes down to, as of a checkpoint.</summary>
/// <param name="Number">The agent's own count of sessions.</param>
/// <param name="Segments">The number of the last segment recorded.</param>
/// <param name="Entries">The number of the last entry recorded.</param>
/// <param name="Head">The chain's head behind that entry, lower-case hex; empty where there is no entry yet.</param>
/// <param name="Final">The session's end is recorded.</param>
public sealed record SessionHead(Guid Session, Guid Grant, string Resource, string Agent, long Number, int Segments, long Entries, string Head, bool Final)
{
    public string Leaf() =>
        $"accessplane.session-head.v1\n{Session:D}\n{Grant:D}\n{Resource}\n{Agent}\n{Number}\n{Segments}\n{Entries}\n{Head}\n{(Final ? 1 : 0)}";
}

/// <summary>How many sessions of an agent on a resource were ever recorded: a session that is taken away whole is missing from this count.</summary>
public sealed record SessionCount(string Agent, string Resource, long Sessions)
{
    public string Leaf() => $"accessplane.session-count.v1\n{Agent}\n{Resource}\n{Sessions}";
}
