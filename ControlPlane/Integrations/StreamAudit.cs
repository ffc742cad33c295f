using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>Where the events of the log are kept elsewhere.</summary>
internal interface IAuditSink
{
    /// <summary>This replica writes from here on.</summary>
    /// <returns>The event that it holds last; null where it holds none, or cannot say.</returns>
    Task<AuditMark?> Begin(CancellationToken cancel);

    /// <summary>All of them, or none.</summary>
    Task<Attempt> Write(IReadOnlyList<AuditLine> lines, CancellationToken cancel);
}

internal sealed record AuditMark(long Position, Guid Id);

/// <param name="Bytes">A CloudEvent in one line, without a line feed.</param>
internal sealed record AuditLine(Stored Stored, byte[] Bytes)
{
    public long Position => Stored.Position;
}

/// <summary>
/// The whole log, in its order, to one sink: at least once, and nothing is left out in silence. A sink that is away is waited for, however long: the log is the
/// buffer, and how far behind it is shows among the figures. One event that a sink will not have, and it alone, is set aside after a while: that is an event of
/// the log, which the same sink is told in its turn, and what comes next names it as the one before.
/// </summary>
internal sealed class StreamAudit(DestinationOptions options, IAuditSink sink, AuditEvent format, EventLog log, DestinationState state, Delivery delivery) : Subscription
{
    /// <summary>Of one batch: a receiver should not have to take more at once.</summary>
    private const int LargestBatch = 1024 * 1024;
    private readonly GivenUp givenUp = new(log, state.Name);
    private long previous;
    private long held;

    public override string Name => $"integration/{state.Name}";

    public override IReadOnlyCollection<string>? Types => null;

    public override int MostAtOnce => 100;

    public override bool StartsNow => options.FromNow;

    public override async Task Begin(long checkpoint, CancellationToken cancel)
    {
        previous = await log.LastUpTo(checkpoint, cancel);
        AuditMark? mark = null;
        await delivery.Persist(
            async c =>
            {
                mark = await sink.Begin(c);
                return Attempt.Delivered;
            },
            DateTimeOffset.MaxValue, 0, Patience.Endless, cancel);
        // written, and not remembered as such: it is not written twice. Unless the log is another one than it was, where the same positions are other events.
        held = mark is not null && await log.MarkAt(mark.Position, cancel) == mark.Id ? mark.Position : 0;
    }

    public override Task End()
    {
        state.IsAnothers();
        return Task.CompletedTask;
    }

    public override async Task Handle(IReadOnlyList<Stored> events, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(events);
        var batch = new List<AuditLine>();
        var size = 0;
        foreach (var stored in events)
        {
            var line = new AuditLine(stored, format.Of(stored, previous).ToBytes());
            previous = stored.Position;
            if (stored.Position <= held)
            {
                continue;
            }
            if (batch.Count > 0 && size + line.Bytes.Length > LargestBatch)
            {
                await Write(batch, cancel);
                (batch, size) = ([], 0);
            }
            batch.Add(line);
            size += line.Bytes.Length;
        }
        if (batch.Count > 0)
        {
            await Write(batch, cancel);
        }
    }

    private async Task Write(List<AuditLine> batch, CancellationToken cancel)
    {
        if (await Persist(batch, Patience.UntilRefused, cancel) is not { } refused)
        {
            return;
        }
        if (batch.Count == 1)
        {
            await Insist(batch, refused, cancel);
            return;
        }
        // which one it is shows when they come in halves, in their order
        var half = batch.Count / 2;
        await Write(batch[..half], cancel);
        await Write(batch[half..], cancel);
    }

    /// <summary>One that was set aside before a restart is not waited for again.</summary>
    private async Task Insist(List<AuditLine> alone, Failed first, CancellationToken cancel)
    {
        var stored = alone[0].Stored;
        var kind = EventNames.Of(stored.Event);
        if (!await givenUp.IsRecorded(stored, kind, cancel))
        {
            if (await Persist(alone, Patience.OfEvidence(options), cancel) is not { } last)
            {
                return;
            }
            first = last with { Attempts = first.Attempts + last.Attempts };
            await givenUp.Record(stored, kind, first, cancel);
        }
        delivery.GiveUp(kind, stored.Position, first);
    }

    private Task<Failed?> Persist(List<AuditLine> batch, Patience patience, CancellationToken cancel) =>
        delivery.Persist(c => sink.Write(batch, c), batch[0].Stored.At, batch.Count, patience, cancel);
}
