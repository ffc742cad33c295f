using System.Collections.Immutable;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>The keys of one agent since it enrolled, the first one first, and what an admin wants of them.</summary>
/// <param name="Enrolled">Its first public key.</param>
/// <param name="Wanted">The generation that there is to be.</param>
/// <param name="Overlap">Of the next announcement.</param>
public sealed record AgentKeyHistory(string Enrolled, ImmutableList<AgentKeyAnnounced> Announced, int Wanted, TimeSpan Overlap)
{
    public int Generation => Announced.Count + 1;

    public string Current => Announced.Count == 0 ? Enrolled : Announced[^1].Key.PublicKey;

    public IEnumerable<string> All => Announced.Select(a => a.Key.PublicKey).Prepend(Enrolled);

    /// <summary>What its reports may be signed with.</summary>
    public IEnumerable<string> Believed(DateTimeOffset now) =>
        Announced.Count > 0 && now < Announced[^1].OverlapUntil ? [Current, Announced[^1].Key.Previous] : [Current];

    /// <summary>Null where there is nothing to say: an agent of a version that does not know of this hears nothing of it.</summary>
    public AgentKeyWord? Word => Generation == 1 && Wanted == 1 ? null : new AgentKeyWord(Current, Generation, Wanted);

    public static AgentKeyHistory Of(AgentEnrolled enrolled) =>
        new((enrolled ?? throw new ArgumentNullException(nameof(enrolled))).PublicKey, [], 1, TimeSpan.Zero);

    public AgentKeyHistory After(IEvent e) => e switch
    {
        AgentKeyRotationOrdered ordered => this with { Wanted = ordered.Generation, Overlap = ordered.Overlap },
        AgentKeyAnnounced announced => this with { Announced = Announced.Add(announced) },
        _ => throw new InvalidOperationException($"`{e?.GetType().Name}` is not about an agent's keys"),
    };
}
