using System.Collections.Immutable;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>The grants that are not over, and those that still owe a review, from the log.</summary>
public sealed class OpenGrants(LogTail tail) : IDisposable
{
    // these two do not change the state, and there are many of them
    private static readonly Type[] WithoutEffect = [typeof(TicketIssued), typeof(RevocationAcknowledged)];

    private readonly LogFold<Snapshot> fold = new(
        tail, new Snapshot(ImmutableDictionary<Guid, Grant.Known>.Empty), [.. Grant.EventTypes.Except(WithoutEffect).Select(EventNames.Of)],
        (open, stored) => open.With(stored));

    public ValueTask<Snapshot> Current(CancellationToken cancel) => fold.Current(cancel);

    public void Dispose() => fold.Dispose();

    public sealed class Snapshot(ImmutableDictionary<Guid, Grant.Known> all)
    {
        public IEnumerable<Grant.Known> All => all.Values;

        /// <summary>Whether a break-glass review of this person, under whichever identity, is overdue.</summary>
        public bool DebtInDefault(Actor actor, PolicyModel policy) =>
            all.Values.Any(g => g.Debt is { Defaulted: true, Settled: null } && policy.SamePerson(g.Issued.Holder.Key, actor.Key));

        internal Snapshot With(Stored stored)
        {
            var before = all.TryGetValue(stored.Stream, out var open) ? open : Grant.Initial;
            return Grant.Evolve(before, stored.Event) is Grant.Known after && (after is not Grant.Ended || after.Debt is { Settled: null })
                ? new Snapshot(all.SetItem(stored.Stream, after))
                : new Snapshot(all.Remove(stored.Stream));
        }
    }
}
