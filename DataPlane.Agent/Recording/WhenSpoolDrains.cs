using System.Collections.Concurrent;
using AccessPlane.Agent.Directives;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Recording;

/// <summary>
/// Seals what the sessions wrote and sends it to the control plane, oldest first, one part of a session under way at a time: nothing arrives
/// out of order. A part is sent again until the control plane itself says that the log holds it.
/// </summary>
internal sealed partial class WhenSpoolDrains : BackgroundService
{
    private const int Senders = 8;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan SealEvery = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan ResendAfter = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private readonly Spool spool;
    private readonly SpoolKeyDesk keys;
    private readonly AgentIdentity identity;
    private readonly Reports reports;
    private readonly TimeProvider clock;
    private readonly ILogger<WhenSpoolDrains> logger;
    private readonly Pulse wake = new();
    private readonly ConcurrentDictionary<Guid, Sent> underWay = [];

    public WhenSpoolDrains(Spool spool, SpoolKeyDesk keys, AgentIdentity identity, Reports reports, TimeProvider clock, ILogger<WhenSpoolDrains> logger)
    {
        this.spool = spool;
        this.keys = keys;
        this.identity = identity;
        this.reports = reports;
        this.clock = clock;
        this.logger = logger;
        spool.Wake = wake.Beat;
    }

    /// <summary>The control plane holds a part.</summary>
    public void Accepted(SegmentReceipt receipt)
    {
        spool.Accept(receipt.Session, receipt.Number, receipt.Position);
        underWay.TryRemove(receipt.Session, out _);
        wake.Beat();
    }

    /// <summary>The control plane will never take a part: people must look at it.</summary>
    public void Refused(SegmentRefusal refusal)
    {
        underWay.TryRemove(refusal.Session, out _);
        if (spool.PassCopy(refusal.Session, refusal.Number, refusal.Why))
        {
            LogCopyRefused(refusal.Session, refusal.Number, refusal.Why);
            return;
        }
        spool.PutAside(refusal.Session);
        LogPutAside(refusal.Session, refusal.Number, refusal.Why);
    }

    /// <summary>Seals and sends what is due, once. Returns when all of it was handed to the broker or failed.</summary>
    internal async Task Drain(CancellationToken cancel)
    {
        if (spool.GiveBack() is { Count: > 0 } lost)
        {
            LogSentAgain(lost.Count);
            keys.Found(lost);
        }
        await keys.Look(cancel);
        foreach (var file in spool.Files)
        {
            if (IsToSeal(file))
            {
                Seal(file);
            }
        }
        await Parallel.ForEachAsync(
            spool.Files.Where(IsDue),
            new ParallelOptions { MaxDegreeOfParallelism = Senders, CancellationToken = cancel },
            async (file, stop) => await Send(file, stop));
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(Watch(stoppingToken), DrainAlways(stoppingToken));

    /// <summary>By itself: a broker that is away holds up what is sent, and must not hold up what is written or how full the disk is seen to be.</summary>
    private async Task Watch(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Tick, clock);
        while (await timer.WaitForNextTickAsync(stop))
        {
            try
            {
                spool.Tick();
            }
            catch (Exception failed) when (failed is not OperationCanceledException)
            {
                LogDrainFailed(failed);
            }
        }
    }

    private async Task DrainAlways(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var next = wake.Next;
            try
            {
                await Drain(stoppingToken);
            }
            catch (Exception failed) when (failed is not OperationCanceledException)
            {
                LogDrainFailed(failed);
            }
            await Task.WhenAny(next, Task.Delay(Tick, clock, stoppingToken));
        }
    }

    /// <summary>Asked of every session at every tick, of idle ones too: it allocates nothing.</summary>
    private bool IsToSeal(SpoolFile file) => file.HasUnsealed && (file.Urgent || file.HasFullPart || clock.GetElapsedTime(file.CutAt) >= SealEvery);

    private void Seal(SpoolFile file)
    {
        try
        {
            file.CutAt = clock.GetTimestamp();
            identity.UseKey(key => file.Seal(identity.Id, key));
        }
        catch (IOException full)
        {
            // the entries are safe; their seal is tried again with the next tick
            LogNotSealed(file.Session, full);
        }
    }

    private bool IsDue(SpoolFile file) =>
        file.Oldest() is { } part &&
        (!underWay.TryGetValue(file.Session, out var sent) || sent.Number != part.Number || clock.GetElapsedTime(sent.At) >= (sent.Taken ? ResendAfter : RetryAfter));

    private async Task Send(SpoolFile file, CancellationToken cancel)
    {
        if (file.Oldest() is not { } part)
        {
            return;
        }
        try
        {
            var segment = file.Read(part, identity.Id);
            underWay[file.Session] = new Sent(part.Number, clock.GetTimestamp(), Taken: true);
            await reports.Send(ReportKinds.SegmentSealed, segment, cancel);
        }
        catch (InvalidDataException poison)
        {
            var gap = new EvidenceGap(file.Session, "spool-unreadable", poison.Message);
            spool.Pass(file, part, gap);
            reports.Post(ReportKinds.EvidenceGap, gap);
            LogUnreadable(file.Session, poison);
        }
        catch (Exception failed) when (failed is not OperationCanceledException || !cancel.IsCancellationRequested)
        {
            underWay[file.Session] = new Sent(part.Number, clock.GetTimestamp(), Taken: false);
            LogNotSent(file.Session, part.Number, failed.Message);
        }
    }

    /// <param name="Taken">The broker took it: the control plane's word is awaited.</param>
    private sealed record Sent(int Number, long At, bool Taken);

    [LoggerMessage(Level = LogLevel.Error, Message = "session {Session}: segment {Number} was sent again and refused; a copy is kept aside, and the session goes on: {Why}")]
    private partial void LogCopyRefused(Guid session, int number, string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "session {Session}: segment {Number} was refused and its transcript put aside: {Why}")]
    private partial void LogPutAside(Guid session, int number, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the control plane's log was set back: {Count} transcripts that it held are sent again")]
    private partial void LogSentAgain(int count);

    [LoggerMessage(Level = LogLevel.Error, Message = "session {Session}: a part of the transcript cannot be read; a copy is kept aside")]
    private partial void LogUnreadable(Guid session, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "session {Session}: segment {Number} waits, the broker did not take it: {Why}")]
    private partial void LogNotSent(Guid session, int number, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "session {Session}: its entries could not be sealed yet")]
    private partial void LogNotSealed(Guid session, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "draining the spool failed and will be tried again")]
    private partial void LogDrainFailed(Exception exception);
}
