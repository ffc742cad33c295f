using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Evidence;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Evidence;
using AccessPlane.Tests.Unit.Domain;

namespace AccessPlane.Tests.Integration.Checkpoints;

/// <summary>
/// A log in memory, with keys that a test may do anything with: one agent, one request that was approved, whatever a test adds. Its checkpoints follow from it
/// as the control plane's do, and what is exported of it is right unless the test made it wrong.
/// </summary>
internal sealed class MadeEvidence : IDisposable
{
    public const string Agent = "orders-agent";
    public static readonly Guid Request = new("0199aaaa-0000-7000-8000-000000000501");
    public static readonly Guid Grant = new("0199aaaa-0000-7000-8000-000000000502");
    private static readonly Actor Auditor = People.Person("auditor", "auditors");
    private readonly List<Logged> log = [];
    private readonly List<EvidenceCheckpointed> taken = [];
    private readonly List<KeyAnnouncement> announced = [];
    private readonly List<ECDsa> keys = [];
    private ImmutableSortedDictionary<Guid, SessionHead> heads = CheckpointChain.Initial.Heads;
    private CheckpointChain chain = CheckpointChain.Initial;

    /// <summary>When what is appended is.</summary>
    public DateTimeOffset Now { get; set; } = World.Noon;

    public MadeEvidence()
    {
        (Signer, AgentKey) = (Key(), Key());
        Append(Ids.Agent(Agent), new AgentEnrolled(Agent, ["orders"], AgentKeyAnnouncement.PublicOf(AgentKey), []));
        Append(Request, new RequestSubmitted(
            Request, People.Engineer, "orders-write", "orders", TimeSpan.FromMinutes(20), "order 4711", null, [], World.Noon.AddHours(1), 1));
        Append(Request, new ReviewGiven(new Guid("0199aaaa-0000-7000-8000-000000000503"), People.Dba, ReviewVerdict.Approve, 0, "the ticket is known"));
        Append(Request, new RequestApproved(Grant, [People.Dba.Key]));
        Append(Grant, new GrantIssued(
            Grant, Request, People.Engineer, "orders-write", "orders", Scope.Any, TimeSpan.FromMinutes(20), World.Noon.AddHours(1), 1, TokenLogin.WorkloadsOnly, 1));
        Attest();
    }

    /// <summary>The control plane's key that signs.</summary>
    public ECDsa Signer { get; private set; }

    /// <summary>The one under which the agent enrolled.</summary>
    public ECDsa AgentKey { get; }

    public void Dispose() => keys.ForEach(k => k.Dispose());

    /// <summary>Another key, of nobody yet.</summary>
    public ECDsa Key()
    {
        keys.Add(ECDsa.Create(ECCurve.NamedCurves.nistP256));
        return keys[^1];
    }

    public static string Fingerprint(ECDsa key) => $"sha256:{Convert.ToHexStringLower(SHA256.HashData(key.ExportSubjectPublicKeyInfo()))}";

    public static Checkpoint Signed(Checkpoint checkpoint, ECDsa by) => checkpoint with { Signature = Signatures.Sign(by, checkpoint.SignedBytes()) };

    public void Append(Guid stream, IEvent e)
    {
        log.Add(new Logged(log.Count + 1, stream, log.Count(l => l.Stream == stream) + 1, e, Now));
        if (e is SessionOpened or TranscriptRecorded)
        {
            heads = CheckpointChain.After(heads, e);
        }
    }

    /// <summary>Another key of the control plane follows the one that signs, as both say, and signs from now on.</summary>
    public void Rotate()
    {
        var (before, next) = (Signer, Key());
        var said = new KeyAnnouncement(
            KeyAnnouncement.Signing, announced.Count + 2, AgentKeyAnnouncement.PublicOf(next), AgentKeyAnnouncement.PublicOf(before), World.Noon,
            AgentKeyAnnouncement.PublicOf(before), "", null);
        announced.Add(said with { Signature = Signatures.Sign(before, said.SignedBytes()), Acceptance = Signatures.Sign(next, said.SignedBytes()) });
        Signer = next;
    }

    /// <summary>Another key of the agent follows the one that it enrolled with, as both say.</summary>
    public ECDsa RotateAgent()
    {
        var next = Key();
        Announce(AgentKeyAnnouncement.Of(Agent, 2, AgentKey, next));
        return next;
    }

    public void Announce(AgentKeyAnnouncement said) => Append(Ids.Agent(Agent), new AgentKeyAnnounced(said, World.Noon.AddHours(1)));

    /// <summary>A checkpoint of everything up to now.</summary>
    /// <param name="by">The key that signs where that is another one than it should be.</param>
    public void Attest(ECDsa? by = null)
    {
        by ??= Signer;
        var skip = (int)Checkpoint.SkipOf(taken.Count + 1);
        var next = TakeCheckpoint.Next(chain, new Taking(
            log.Count, [.. log.Skip((int)chain.Tip).Select(l => l.Leaf())], heads, skip == 0 ? Checkpoint.None : taken[skip - 1].Checkpoint.Hash(),
            AgentKeyAnnouncement.PublicOf(by), Now.AddMinutes(taken.Count + 1)));
        var signed = next with { Checkpoint = Signed(next.Checkpoint, by), Keys = announced.Count == 0 ? null : [.. announced] };
        taken.Add(signed);
        chain = CheckpointChain.Fold(chain, new Stored(
            signed.Checkpoint.Number, Ids.Checkpoints, signed.Checkpoint.Number, Guid.Empty, signed.Checkpoint.At, new EventContext(Auditor, Guid.Empty), signed));
    }

    /// <summary>The files of the checkpoints' directory, by their names.</summary>
    /// <param name="last">Has the control plane sign something else as the last one.</param>
    public Dictionary<string, string> Files(Func<Checkpoint, Checkpoint>? last = null) => taken.ToDictionary(
        t => $"{t.Checkpoint.Number:D10}.json",
        t => JsonSerializer.Serialize(last is null || t != taken[^1] ? t : t with { Checkpoint = Signed(last(t.Checkpoint), Signer) }, Json.Options) + "\n");

    /// <summary>The evidence of the request: everything that there is, behind a checkpoint of it.</summary>
    /// <param name="from">Of the time from then on instead, which is everything too.</param>
    public MadePack Pack(DateTimeOffset? from = null)
    {
        var export = Ids.Derive(Request, $"export/{taken.Count}");
        var about = from is null ? new EvidenceAbout(Request) : new EvidenceAbout(From: from);
        Append(export, new EvidenceExported(export, about.Request, null, about.From, null, null, "json", Auditor));
        Attest();
        var sessions = new MerkleTree([.. chain.Heads.Values.Select(h => MerkleTree.Leaf(h.Leaf()))]);
        var document = new
        {
            EvidencePack.Kind,
            Export = export,
            About = about,
            Window = from is null ? null : new EvidenceWindow(0, taken.Count),
            ExportedAt = World.Noon,
            ExportedBy = Auditor,
            Key = AgentKeyAnnouncement.PublicOf(Signer),
            Keys = announced.Count == 0 ? null : announced,
            Events = log.Where(l => l.Event is not TranscriptRecorded)
                .Select(l => new { l.Position, l.Stream, l.Version, l.Id, l.Type, l.At, l.Data, Proof = ProofOf(l) }),
            Sessions = chain.Heads.Values.Select((h, i) => new
            {
                Head = h,
                Proof = Proof(taken.Count, i, sessions),
                Segments =
                    from l in log
                    where l.Stream == h.Session && l.Event is TranscriptRecorded
                    let t = (TranscriptRecorded)l.Event
                    select new { l.Position, t.Number, t.FirstSeq, t.LastSeq, t.PreviousHead, t.Head, t.Final, t.Entries, t.Signature },
            }),
            Checkpoints = taken.Select(t => new { t.Checkpoint, Counts = from is not null && t == taken[^1] ? t.Counts : null }),
        };
        return new MadePack(JsonNode.Parse(JsonSerializer.Serialize(document, Json.Options))!.AsObject(), this);
    }

    private InclusionProof ProofOf(Logged logged)
    {
        var covering = chain.Covering(logged.Position) ?? throw new InvalidOperationException("no checkpoint covers the event");
        var (after, upTo) = ((int)chain.TipOf(covering - 1), (int)chain.TipOf(covering));
        return Proof(covering, (int)logged.Position - after - 1, new MerkleTree([.. log.Take(upTo).Skip(after).Select(l => l.Leaf())]));
    }

    private static InclusionProof Proof(long checkpoint, int index, MerkleTree tree) => new(checkpoint, index, [.. tree.Path(index).Select(Convert.ToHexStringLower)]);

    private sealed record Logged(long Position, Guid Stream, long Version, IEvent Event, DateTimeOffset When)
    {
        public string At => When.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
        public Guid Id => Ids.Derive(Stream, $"{Version}");
        public string Type => EventNames.Of(Event);
        public string Data { get; } = StoredJson.DataOf(Event);

        public byte[] Leaf() => MerkleTree.Leaf(
            $"accessplane.event.v1\n{Position}\n{Stream:D}\n{Version}\n{Id:D}\n{Type}\n{At}\n\n\n{Hash("")}\n{Hash(Data)}");

        private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }
}
