using AccessPlane.Contracts.Evidence;

namespace AccessPlane.ControlPlane.Evidence;

/// <param name="Checkpoint">The number of the checkpoint whose tree it is in.</param>
/// <param name="Index">Which leaf, from 0.</param>
/// <param name="Path">RFC 6962 audit path, the lowest hash first, lower-case hex.</param>
public sealed record InclusionProof(long Checkpoint, long Index, IReadOnlyList<string> Path);

/// <summary>Proofs for one case. Events are asked for in the log's order: the tree of one checkpoint is kept at a time.</summary>
public sealed class EvidenceProofs(EvidenceLog evidence, CheckpointChain chain)
{
    private readonly SortedSet<long> used = [];
    private MerkleTree? sessions;
    private List<Guid> sessionIds = [];
    private MerkleTree? events;
    private List<long> positions = [];
    private long number;

    /// <summary>The checkpoints that proofs name, and those by which they hang on the last one; the lowest first.</summary>
    public IEnumerable<long> Checkpoints => used.SelectMany(n => Checkpoint.PathDown(chain.Last!.Number, n)).Append(chain.Last!.Number).Distinct().Order();

    public async ValueTask<InclusionProof> OfEvent(long position, CancellationToken cancel)
    {
        var covering = chain.Covering(position) ?? throw new InvalidOperationException("no checkpoint covers the event yet");
        if (events is null || number != covering)
        {
            var hashes = await evidence.EventHashes(chain.TipOf(covering - 1), chain.TipOf(covering), cancel);
            (number, positions, events) = (covering, [.. hashes.Select(h => h.Position)], new MerkleTree([.. hashes.Select(h => h.Hash)]));
        }
        return Proof(covering, positions.BinarySearch(position), events);
    }

    /// <summary>Of a session's head in the last checkpoint.</summary>
    public InclusionProof OfSession(Guid session)
    {
        if (sessions is null)
        {
            sessionIds = [.. chain.Heads.Keys];
            sessions = new MerkleTree([.. chain.Heads.Values.Select(h => MerkleTree.Leaf(h.Leaf()))]);
        }
        return Proof(chain.Last!.Number, sessionIds.BinarySearch(session), sessions);
    }

    /// <summary>A checkpoint that is needed for something else than a proof.</summary>
    public void Use(long checkpoint)
    {
        if (checkpoint > 0)
        {
            used.Add(checkpoint);
        }
    }

    private InclusionProof Proof(long checkpoint, int index, MerkleTree tree)
    {
        Use(checkpoint);
        return new InclusionProof(checkpoint, index, [.. tree.Path(index).Select(Convert.ToHexStringLower)]);
    }
}
