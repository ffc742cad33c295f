namespace AccessPlane.Agent.Recording;

/// <summary>How full the spool may get, as shares of <see cref="Bytes"/> or of what the disk has left for it, whichever is less.</summary>
/// <param name="NoNewSessions">From here on nobody new is admitted.</param>
/// <param name="Frozen">From here on nothing is forwarded; below it forwarding resumes.</param>
/// <param name="EndAfter">Sessions that were frozen this long are ended.</param>
public sealed record SpoolLimits(long Bytes, double NoNewSessions, double Frozen, TimeSpan EndAfter)
{
    public static SpoolLimits Standard { get; } = new(8L << 30, 0.85, 0.95, TimeSpan.FromSeconds(60));

    /// <summary>From here on people must look at it.</summary>
    public double Filling { get; init; } = 0.7;

    /// <summary>What waits for the control plane for longer must be looked at, too.</summary>
    public TimeSpan Oldest { get; init; } = TimeSpan.FromDays(1);

    /// <summary>What people must look at while there is time; null where there is nothing.</summary>
    public string? Alert(double fullness, TimeSpan waiting) =>
        fullness >= Filling
            ? $"the spool is {fullness * 100:0} % full: from {NoNewSessions * 100:0} % on nobody new is admitted, from {Frozen * 100:0} % on all sessions freeze" :
        waiting >= Oldest ? $"transcripts have waited for {waiting.TotalHours:0} hours for the control plane to take them" : null;
}
