namespace AccessPlane.ControlPlane.Integrations;

/// <summary>When a failure is the last: what is not bounded here is waited for, however long.</summary>
/// <param name="Age">From which on what is told is too old.</param>
/// <param name="Refusals">How often in a row a receiver may refuse one and the same message, where it says that it is this one that it will not have.</param>
/// <param name="RefusedFor">And for how long it must have done so.</param>
internal sealed record Patience(TimeSpan? Age = null, int? Refusals = null, TimeSpan RefusedFor = default)
{
    /// <summary>What requesters write must not keep the next news from approvers, nor the next events from who keeps them.</summary>
    private const int MostRefusals = 3;

    public static Patience Endless { get; } = new();

    /// <summary>Until it is refused: then it is tried in another way.</summary>
    public static Patience UntilRefused { get; } = new(Refusals: 1);

    public static Patience OfNews(DestinationOptions options) => new(options.GiveUpAfter, MostRefusals);

    /// <summary>Evidence never becomes too old, and is not set aside for a receiver that is out of order for a moment.</summary>
    public static Patience OfEvidence(DestinationOptions options) => new(null, MostRefusals, options.SetAsideAfter);

    public bool IsOver(TimeSpan age, int refusals, TimeSpan refusedFor) => age >= Age || (refusals >= Refusals && refusedFor >= RefusedFor);
}

/// <summary>How trying has ended.</summary>
/// <param name="Why">How the last attempt failed.</param>
internal sealed record Failed(int Attempts, string Why);
