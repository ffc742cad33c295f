using AccessPlane.Agent.Directives;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Gate;

/// <summary>Every session that runs, so that it can be cut. An order marks all its sessions first and signals them afterwards: from the mark on
/// none of them forwards a byte, however long the signals take.</summary>
public sealed class LiveSessions(InForce inForce)
{
    private readonly Lock guard = new();
    private readonly Dictionary<Guid, Permit> bySession = [];
    private readonly Dictionary<Guid, GrantCut> cuts = [];
    private readonly Dictionary<Guid, GrantCut> early = [];
    private volatile bool frozen;

    /// <summary>A grant's end is in force and the last of its sessions is cut: (grant, sessions, latency of the slowest).</summary>
    public event Action<Guid, int, TimeSpan>? GrantCutOff;

    /// <summary>One session was cut: its cause and the latency from the order's arrival.</summary>
    public event Action<string, TimeSpan>? SessionCut;

    /// <summary>Whether the spool is too full for anything to be forwarded.</summary>
    public bool Frozen => frozen;

    public int Count
    {
        get
        {
            lock (guard)
            {
                return bySession.Count;
            }
        }
    }

    /// <returns>Null where the grant has as many sessions as it may have.</returns>
    internal Permit? Admit(Guid session, GrantLease grant, ResourceTerms resource, string database, string login, int most = int.MaxValue)
    {
        var permit = new Permit(session, grant, resource, database, login, this, inForce);
        lock (guard)
        {
            if (most < int.MaxValue && bySession.Values.Count(p => p.Grant.Grant == grant.Grant && p.End is null) >= most)
            {
                return null;
            }
            bySession.Add(session, permit);
        }
        // INVARIANT: an order that came between the admission's look and the entry into the table found no session to cut
        if (permit.WhyNot(permit.Standing()) is { } why)
        {
            Cut([(permit, why)], inForce.Clock.GetTimestamp());
        }
        return permit;
    }

    /// <summary>Ends a grant's sessions and tells through <see cref="GrantCutOff"/> when the last one is gone; at once where there is none.</summary>
    public void CutGrant(Guid grant, string cause, string message, long orderedAt)
    {
        List<Permit> its;
        GrantCut? over = null;
        lock (guard)
        {
            if (cuts.ContainsKey(grant))
            {
                return;
            }
            its = [.. bySession.Values.Where(p => p.Grant.Grant == grant)];
            // a lock or the clock comes before the end of the grant that follows from it: what they have cut already counts as cut by it
            var cut = early.Remove(grant, out var before) && before.Cause == cause ? before : new GrantCut(cause);
            foreach (var permit in its)
            {
                cut.Sessions.Add(permit.Session);
                cut.Left.Add(permit.Session);
            }
            if (its.Count > 0)
            {
                cuts[grant] = cut;
            }
            else
            {
                over = cut;
            }
        }
        Cut(its, new Ending(cause, message), orderedAt);
        if (over is not null)
        {
            GrantCutOff?.Invoke(grant, over.Sessions.Count, over.Sessions.Count > 0 ? over.Slowest : inForce.Clock.GetElapsedTime(orderedAt));
        }
    }

    public void CutSession(Guid session, string cause, string message, long orderedAt) =>
        Cut(Which(p => p.Session == session), new Ending(cause, message), orderedAt);

    public void CutWhere(Func<Permit, bool> which, string cause, string message, long orderedAt) => Cut(Which(which), new Ending(cause, message), orderedAt);

    /// <summary>Ends whatever may not go on by what is in force: grants that ended, expired or are locked. Harmless at any time.</summary>
    public void CutWhatEnded(long orderedAt)
    {
        var over = new List<(Permit, Ending)>();
        foreach (var permit in Which(p => p.End is null && p.WhyNot(p.Standing()) is not null))
        {
            if (permit.WhyNot(permit.Standing()) is { } why)
            {
                Early(permit, why.Cause);
                over.Add((permit, why));
            }
        }
        Cut(over, orderedAt);
    }

    /// <summary>Freezes or thaws all forwarding, for the spool's sake.</summary>
    public void Freeze(bool freeze)
    {
        if (frozen != freeze)
        {
            frozen = freeze;
            inForce.Changed.Beat();
        }
    }

    internal void Left(Permit permit, TimeSpan? latency)
    {
        GrantCut? done = null;
        lock (guard)
        {
            bySession.Remove(permit.Session);
            if (early.TryGetValue(permit.Grant.Grant, out var before) && before.Sessions.Contains(permit.Session))
            {
                before.Take(latency);
            }
            if (cuts.TryGetValue(permit.Grant.Grant, out var cut) && cut.Left.Remove(permit.Session))
            {
                cut.Take(latency);
                if (cut.Left.Count == 0)
                {
                    cuts.Remove(permit.Grant.Grant);
                    done = cut;
                }
            }
        }
        if (latency is { } measured && permit.End is { } end)
        {
            SessionCut?.Invoke(end.Cause, measured);
        }
        if (done is not null)
        {
            GrantCutOff?.Invoke(permit.Grant.Grant, done.Sessions.Count, done.Slowest);
        }
    }

    private List<Permit> Which(Func<Permit, bool> which)
    {
        lock (guard)
        {
            List<Permit> found = []; // looked through at every tick: it is empty nearly always
            foreach (var permit in bySession.Values)
            {
                if (which(permit))
                {
                    found.Add(permit);
                }
            }
            return found;
        }
    }

    private static void Cut(List<Permit> permits, Ending why, long orderedAt) => Cut(permits.ConvertAll(permit => (permit, why)), orderedAt);

    private static void Cut(List<(Permit Permit, Ending Why)> over, long orderedAt)
    {
        var word = new Word(over.Count);
        foreach (var (permit, _) in over.FindAll(o => Order(o.Permit, new SessionEnd(o.Why.Cause, o.Why.Message, orderedAt, word))))
        {
            permit.Signal();
        }
    }

    private static bool Order(Permit permit, SessionEnd order)
    {
        var first = permit.Order(order);
        if (!first)
        {
            _ = order.Word.Given(); // it has ended otherwise
        }
        return first;
    }

    /// <summary>Remembers a session that is cut before its grant's end was told.</summary>
    private void Early(Permit permit, string cause)
    {
        lock (guard)
        {
            if (cuts.ContainsKey(permit.Grant.Grant) || !bySession.ContainsKey(permit.Session))
            {
                return;
            }
            if (!early.TryGetValue(permit.Grant.Grant, out var cut) || cut.Cause != cause)
            {
                early[permit.Grant.Grant] = cut = new GrantCut(cause);
            }
            cut.Sessions.Add(permit.Session);
        }
    }

    private sealed class GrantCut(string cause)
    {
        public string Cause { get; } = cause;
        public HashSet<Guid> Sessions { get; } = [];

        /// <summary>Those that are not gone yet.</summary>
        public HashSet<Guid> Left { get; } = [];
        public TimeSpan Slowest { get; private set; }

        public void Take(TimeSpan? latency) => Slowest = latency is { } took && took > Slowest ? took : Slowest;
    }
}
