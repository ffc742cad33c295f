using AccessPlane.Contracts.Messages;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>Which process of an agent holds its lease: exactly one does.</summary>
/// <param name="Instance">The process; null where none ever asked.</param>
/// <param name="HeardAt">When it last asked, by the control plane's clock.</param>
/// <param name="Rival">The last other process that asked.</param>
/// <param name="Contest">Made when the rival first asked. A process that says it again was alive then: one that was killed before cannot.</param>
/// <param name="OwnerAlive">Whether the owner has said it.</param>
/// <param name="RivalAlive">Whether the rival has.</param>
public sealed record LeaseOwner(
    Guid? Instance = null, DateTimeOffset HeardAt = default, Guid? Rival = null, Guid? Contest = null, bool OwnerAlive = false, bool RivalAlive = false)
{
    /// <summary>An owner that asks nothing for so long is gone, or as good as gone: it asks every second or faster.</summary>
    public static readonly TimeSpan Gone = TimeSpan.FromSeconds(2);

    /// <summary>
    /// What an agent's question for a lease means for the owning. A process that was killed and started again is no clone: the old one falls silent,
    /// and cannot say what was made after its death. Messages that come late, or again, prove nothing. Pure.
    /// </summary>
    /// <param name="flagged">Whether a clone was found already: no other process takes over any more.</param>
    /// <param name="contest">A new id.</param>
    public Turn Asked(LeaseAsk ask, DateTimeOffset now, bool flagged, Guid contest)
    {
        ArgumentNullException.ThrowIfNull(ask);
        var alive = Contest is not null && ask.Contest == Contest;
        if (Instance is null || ask.Instance == Instance)
        {
            var owner = this with { Instance = ask.Instance, HeardAt = now, OwnerAlive = OwnerAlive || alive };
            return new Turn.Granted(owner, owner.Twins);
        }
        if (flagged)
        {
            return new Turn.Refused(this, IsClone: true, null);
        }
        var contested = ask.Instance == Rival ? this with { RivalAlive = RivalAlive || alive } : this with { Rival = ask.Instance, Contest = contest, OwnerAlive = false, RivalAlive = false };
        return contested.Twins is { } clone ? new Turn.Refused(contested, IsClone: true, clone)
            // the one that held it stays known: should it ask again, with what it can only have heard since, there are two
            : now - HeardAt >= Gone ? new Turn.Granted(contested.TakenOver(now), null)
            : new Turn.Refused(contested, IsClone: false, null);
    }

    private (Guid Owner, Guid Rival)? Twins => OwnerAlive && RivalAlive ? (Instance!.Value, Rival!.Value) : null;

    private LeaseOwner TakenOver(DateTimeOffset now) =>
        this with { Instance = Rival, HeardAt = now, Rival = Instance, OwnerAlive = RivalAlive, RivalAlive = OwnerAlive };
}

public abstract record Turn(LeaseOwner Owner)
{
    /// <param name="Twins">Two processes that are proven to live side by side.</param>
    public sealed record Granted(LeaseOwner Owner, (Guid Owner, Guid Rival)? Twins) : Turn(Owner);

    /// <param name="IsClone">It never gets it; otherwise once the owner falls silent.</param>
    public sealed record Refused(LeaseOwner Owner, bool IsClone, (Guid Owner, Guid Rival)? Twins) : Turn(Owner);
}
