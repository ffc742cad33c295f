using System.Collections.Immutable;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Evidence;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Keys;

namespace AccessPlane.ControlPlane.Evidence;

/// <param name="Tip">The log's settled position.</param>
/// <param name="Events">Hashes of the log's events behind the last checkpoint's tip, up to this one.</param>
/// <param name="Heads">Every session's, as of it.</param>
/// <param name="Skip">The hash of the checkpoint to which the new one skips back.</param>
/// <param name="Key">The control plane's public key.</param>
public sealed record Taking(
    long Tip, IReadOnlyList<byte[]> Events, ImmutableSortedDictionary<Guid, SessionHead> Heads, string Skip, string Key, DateTimeOffset Now);

/// <summary>Says, signed, what the log holds now. Any replica may: the chain's version lets one through.</summary>
public sealed class TakeCheckpoint(
    EventLog log, EvidenceLog evidence, CheckpointChains chains, SigningKeys keys, KeyWatch watch, LogPulse pulse, TimeProvider clock)
{
    private const int BatchSize = 1_000;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(50);
    private static readonly string[] OfSessions = [EventNames.Of(typeof(SessionOpened)), EventNames.Of(typeof(TranscriptRecorded))];

    /// <summary>The next checkpoint, not signed yet.</summary>
    public static EvidenceCheckpointed Next(CheckpointChain chain, Taking taking)
    {
        ArgumentNullException.ThrowIfNull(chain);
        ArgumentNullException.ThrowIfNull(taking);
        var changed = taking.Heads.Values.Where(h => chain.Heads.GetValueOrDefault(h.Session) != h).ToList();
        var counts = taking.Heads.Values.GroupBy(h => (h.Agent, h.Resource))
            .OrderBy(g => g.Key.Agent, StringComparer.Ordinal).ThenBy(g => g.Key.Resource, StringComparer.Ordinal)
            .Select(g => new SessionCount(g.Key.Agent, g.Key.Resource, g.LongCount())).ToList();
        // INVARIANT: what is signed survives storage unchanged, and that keeps microseconds; and times never go back, by whoever's clock
        var now = taking.Now.AddTicks(-(taking.Now.Ticks % TimeSpan.TicksPerMicrosecond));
        var checkpoint = new Checkpoint(
            (chain.Last?.Number ?? 0) + 1, chain.Last is { } last && last.At > now ? last.At : now, chain.Last?.Hash() ?? Checkpoint.None, taking.Skip, taking.Tip,
            TreeHead.Of(taking.Events), TreeHead.Of(taking.Heads.Values.Select(h => h.Leaf())), TreeHead.Of(changed.Select(h => h.Leaf())),
            TreeHead.Of(counts.Select(c => c.Leaf())), taking.Key, "");
        return new EvidenceCheckpointed(checkpoint, changed, counts);
    }

    /// <summary>A checkpoint behind the chain as it is given; where somebody else took one meanwhile, none.</summary>
    public async Task Handle(CheckpointChain chain, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(chain);
        // a key that signed in the chain is known here too: none signs behind one that followed it
        await watch.Look(cancel);
        var key = keys.SigningPublicKey;
        // the settled position can step back for a moment, while an append holds its lock and has drawn nothing yet
        var tip = Math.Max(chain.Tip, await log.Head(cancel));
        var number = (chain.Last?.Number ?? 0) + 1;
        var links = await evidence.Checkpoints([Checkpoint.SkipOf(number), number - 1], cancel);
        var skip = links.FirstOrDefault(l => l.Checkpoint.Number == Checkpoint.SkipOf(number));
        await MustBeRemembered(chain, links, cancel);
        var taken = Next(chain, new Taking(
            tip, [.. (await evidence.EventHashes(chain.Tip, tip, cancel)).Select(e => e.Hash)], await Heads(chain, tip, cancel),
            skip?.Checkpoint.Hash() ?? Checkpoint.None, key, clock.GetUtcNow()));
        var announced = watch.Known.Ring.Announced;
        var signed = taken with { Keys = announced.Count == 0 ? null : announced, Checkpoint = taken.Checkpoint with { Signature = keys.Sign(taken.Checkpoint.SignedBytes(), key) } };
        var appended = await log.Append(
            new Append(
                [new StreamAppend(Ids.Checkpoints, CheckpointChain.StreamType, chain.Version, [signed])],
                new EventContext(Actor.System("evidence"), Guid.CreateVersion7(clock.GetUtcNow()))),
            cancel);
        if (appended is Appended.Done)
        {
            EvidenceMeter.Taken.Add(1);
        }
    }

    /// <summary>The chain, when it covers a position: taken now if it does not yet.</summary>
    public async Task<CheckpointChain> Covering(long position, CancellationToken cancel)
    {
        using var patience = new CancellationTokenSource(Patience, clock);
        while (true)
        {
            var changed = pulse.Next;
            var chain = await chains.Current(cancel);
            if (chain.Tip >= position)
            {
                return chain;
            }
            if (patience.IsCancellationRequested)
            {
                throw new UnavailableException("not-caught-up", "no checkpoint could be taken of what just happened: try again shortly");
            }
            if (await log.Head(cancel) >= position)
            {
                await Handle(chain, cancel);
            }
            await Task.WhenAny(changed, Task.Delay(LookAgain, clock, cancel));
            cancel.ThrowIfCancellationRequested();
        }
    }

    /// <summary>A version is a number, and so is a position: a restored log soon has as many. What is remembered of another history must not be continued in
    /// this one, even where this one's newest checkpoint was read behind it.</summary>
    /// <param name="links">Of the log: the last one is the newest, where the log has as many.</param>
    private async Task MustBeRemembered(CheckpointChain chain, IReadOnlyList<EvidenceCheckpointed> links, CancellationToken cancel)
    {
        if (chain.Last is { } last && (links is not [.., var newest] || newest.Checkpoint.Hash() != last.Hash()))
        {
            throw Exchanged(last.Number);
        }
        // where the log's own two do not follow each other either, somebody has changed it: whoever verifies it finds that
        if (chain.Unlinked is { } number && await evidence.Checkpoints([number - 1, number], cancel) is var two &&
            (two is [var before, var after] ? before.Checkpoint.Hash() == after.Checkpoint.Previous : number == 1))
        {
            throw Exchanged(number);
        }
    }

    private static InvalidOperationException Exchanged(long number) =>
        new($"checkpoint {number} of the log is not the one that is remembered: the database was changed beneath this process");

    private async Task<ImmutableSortedDictionary<Guid, SessionHead>> Heads(CheckpointChain chain, long tip, CancellationToken cancel)
    {
        var heads = chain.Heads;
        var (position, more) = (chain.Tip, true);
        while (more && position < tip)
        {
            var page = await log.ReadSettled(position, OfSessions, BatchSize, cancel);
            heads = page.Events.Where(e => e.Position <= tip).Aggregate(heads, (all, e) => CheckpointChain.After(all, e.Event));
            (position, more) = (page.Position, page.More);
        }
        return heads;
    }
}
