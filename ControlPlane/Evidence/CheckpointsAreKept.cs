using AccessPlane.ControlPlane.History;
using AccessPlane.ControlPlane.Http;
using Microsoft.Extensions.Options;

namespace AccessPlane.ControlPlane.Evidence;

/// <summary>Checkpoints are taken, and are in their directory. Calls are served without: an outage of the directory is no reason to lock everybody out.</summary>
internal sealed class CheckpointsAreKept(
    CheckpointChains chains, CheckpointFolder folder, LogHistories histories, IOptions<EvidenceOptions> options, TimeProvider clock) : IReadiness
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);
    private readonly DateTimeOffset started = clock.GetUtcNow();

    public string Name => "checkpoints";

    public bool IsNeeded => false;

    public async ValueTask<string?> WhyNot(CancellationToken cancel)
    {
        var (chain, now) = (await chains.Current(cancel), clock.GetUtcNow());
        var last = chain.Last;
        if (now - (last is null || last.At < started ? started : last.At) > (3 * options.Value.Every) + Grace)
        {
            return last is null ? "none was ever taken" : $"none was taken since {last.At:yyyy-MM-dd'T'HH:mm:ss'Z'}";
        }
        if (last is not null && last.At - now > Grace)
        {
            return $"number {last.Number} is of a time to come: the clock was set back";
        }
        // the newest is given its time; checkpoints that come faster than that must not hide behind each other
        var due = (chain.AtOrAfter(now - Grace) ?? chain.Marks.Count + 1) - 1;
        var history = await histories.Current(cancel);
        return history.Open is not null ? "they wait until it is acknowledged that the log was set back"
            : due > 0 && !folder.Has(due, history.Epoch) ? $"number {due} is not in its directory" : null;
    }
}
