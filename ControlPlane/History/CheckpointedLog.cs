using AccessPlane.ControlPlane.Evidence;

namespace AccessPlane.ControlPlane.History;

/// <summary>Up to where checkpoints in their directory speak of the log. What is behind that, agents keep a copy of.</summary>
public sealed class CheckpointedLog(CheckpointChains chains, CheckpointFolder folder, LogHistories histories)
{
    private volatile Known known = new(0, 0, 0);

    /// <returns>A position; 0 where no checkpoint is there, or nobody can say of which history those are that are.</returns>
    public async ValueTask<long> Position(CancellationToken cancel)
    {
        var history = await histories.Current(cancel);
        if (history.Open is not null)
        {
            return 0;
        }
        var (chain, last) = (await chains.Current(cancel), known);
        if (last.Epoch != history.Epoch)
        {
            last = new Known(history.Epoch, 0, 0);
        }
        // a file is written behind the log: the newest may not be there yet
        for (var number = chain.Marks.Count; number > Math.Max(last.Number, chain.Marks.Count - 2); number--)
        {
            if (folder.Has(number, history.Epoch))
            {
                last = new Known(history.Epoch, number, chain.TipOf(number));
                break;
            }
        }
        known = last;
        return last.Tip;
    }

    private sealed record Known(long Epoch, int Number, long Tip);
}
