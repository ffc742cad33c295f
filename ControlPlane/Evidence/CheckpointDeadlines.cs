using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;
using Microsoft.Extensions.Options;

namespace AccessPlane.ControlPlane.Evidence;

/// <summary>A checkpoint every minute, by one of the replicas.</summary>
public sealed class CheckpointDeadlines(
    TimeProvider clock, ILogger<CheckpointDeadlines> logger, CheckpointChains chains, TakeCheckpoint take, IOptions<EvidenceOptions> options)
    : Deadlines(clock, logger)
{
    private readonly TimeProvider clock = clock;
    private (long Number, DateTimeOffset At) seen = (0, clock.GetUtcNow());

    public override string Name => "checkpoint-deadlines";

    public override IReadOnlyCollection<string>? Types { get; } = [EventNames.Of(typeof(EvidenceCheckpointed))];

    protected override async Task<IReadOnlyList<Deadline>> Open(CancellationToken cancel) => [new Deadline(Ids.Checkpoints, Due(await chains.Current(cancel)))];

    protected override async Task Act(Guid stream, DateTimeOffset now, CancellationToken cancel)
    {
        try
        {
            var chain = await chains.Current(cancel);
            if (Due(chain) <= now)
            {
                await take.Handle(chain, cancel);
            }
        }
        catch (Exception) when (!cancel.IsCancellationRequested)
        {
            EvidenceMeter.NotTaken.Add(1);
            throw;
        }
    }

    /// <summary>A clock that is set back must not stop the checkpoints until it has come as far again: the last one counts from when it was seen.</summary>
    private DateTimeOffset Due(CheckpointChain chain)
    {
        var (number, now) = (chain.Last?.Number ?? 0, clock.GetUtcNow());
        if (number != seen.Number || seen.At > now)
        {
            seen = (number, now);
        }
        return (chain.Last is { } last && last.At < seen.At ? last.At : seen.At) + options.Value.Every;
    }
}
