using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Directives;

/// <summary>Asks for the state, at the start and whenever something is missing, until it is there.</summary>
internal sealed partial class CatchUp(InForce inForce, Memory memory, Reports reports, ILogger<CatchUp> logger)
{
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(2);
    private volatile bool done;
    private long askedAt = long.MinValue;

    /// <summary>The snapshot is as far as the control plane's word. Nothing else renews the liveness lease.</summary>
    public bool IsDone => done;

    /// <summary>The furthest that this agent ever was, whether or not it has the state of it.</summary>
    public Remembered Known => memory.Last;

    public void Needed(string why)
    {
        if (done)
        {
            askedAt = long.MinValue;
            LogNeeded(why, memory.Last.Position);
        }
        done = false;
    }

    public void Done() => done = true;

    /// <summary>Asks, unless an answer is still to be expected. Called every tick.</summary>
    public async Task AskIfNeeded(CancellationToken cancel)
    {
        if (done || (askedAt != long.MinValue && inForce.Clock.GetElapsedTime(askedAt) < AskAgainAfter))
        {
            return;
        }
        askedAt = inForce.Clock.GetTimestamp();
        await reports.Send(ReportKinds.CatchUpAsk, new CatchUpAsk(memory.Last.Epoch, memory.Last.Position, memory.Last.Seen), cancel);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "asking for the state: {Why}; what is here ends at {Position}")]
    private partial void LogNeeded(string why, long position);
}
