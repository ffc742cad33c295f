using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Evidence;

namespace AccessPlane.ControlPlane.Evidence;

/// <summary>What evidence is asked of: exactly one of a request, a session, or a period and perhaps one resource.</summary>
public sealed record EvidenceAbout(Guid? Request = null, Guid? Session = null, DateTimeOffset? From = null, DateTimeOffset? To = null, string? Resource = null);

/// <summary>Of a period: whatever began behind one checkpoint's tip and up to another's, so that the counts of the two say how many sessions that were.</summary>
/// <param name="After">The number of the last checkpoint before the period; 0 where there is none.</param>
/// <param name="UpTo">The number of the first one at or behind its end, or the last there is.</param>
public sealed record EvidenceWindow(long After, long UpTo);

/// <summary>Everything that belongs together: requests, the grants they led to, the sessions under these, and what they are proven by.</summary>
/// <param name="Chain">As of the checkpoint that covers all of it.</param>
/// <param name="Streams">Requests, grants, sessions, held operations and the export itself.</param>
/// <param name="Agents">Streams of the agents: their keys, and what was found wrong with them.</param>
/// <param name="Sessions">In the order of their ids.</param>
public sealed record EvidenceCase(
    EvidenceAbout About, EvidenceExported Export, DateTimeOffset ExportedAt, CheckpointChain Chain, EvidenceWindow? Window,
    IReadOnlyCollection<Guid> Streams, IReadOnlyCollection<Guid> Agents, IReadOnlyList<SessionHead> Sessions);

/// <summary>Finds what belongs to what, in the log itself: no read model is asked.</summary>
public sealed class EvidenceCases(EvidenceLog evidence)
{
    public async Task<EvidenceCase> Gather(EvidenceAbout about, EvidenceExported export, DateTimeOffset now, CheckpointChain chain, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(about);
        ArgumentNullException.ThrowIfNull(export);
        ArgumentNullException.ThrowIfNull(chain);
        var (requests, grants, sessions) = (new HashSet<Guid>(), new HashSet<Guid>(), new Dictionary<Guid, SessionHead>());
        var window = about.From is { } from ? WindowOf(chain, from, about.To ?? now) : null;
        if (window is not null)
        {
            await foreach (var begun in evidence.Begun(chain.TipOf(window.After), chain.TipOf(window.UpTo), about.Resource, cancel))
            {
                switch (begun.Event)
                {
                    case RequestSubmitted r: requests.Add(r.Request); break;
                    case GrantIssued g: grants.Add(g.Grant); break;
                    case SessionOpened s:
                        sessions[s.Session] = chain.Heads[s.Session];
                        grants.Add(s.Grant);
                        break;
                    default: throw new InvalidOperationException($"`{begun.Type}` was not asked for");
                }
            }
        }
        else if (about.Session is { } session)
        {
            sessions[session] = chain.Heads[session];
            grants.Add(chain.Heads[session].Grant);
        }
        else
        {
            requests.Add(about.Request!.Value);
        }
        await Complete(requests, grants, chain.Tip, cancel);
        if (about.Request is not null)
        {
            foreach (var head in chain.Heads.Values.Where(h => grants.Contains(h.Grant)))
            {
                sessions[head.Session] = head;
            }
        }
        var holds = await evidence.HoldsOf(sessions.Keys, cancel);
        var agents = sessions.Values.Select(h => h.Agent).Distinct().Select(Ids.Agent).ToList();
        return new EvidenceCase(
            about, export, now, chain, window, [.. requests.Concat(grants).Concat(sessions.Keys).Concat(holds).Append(export.Export).Distinct()], agents,
            [.. sessions.Values.OrderBy(h => h.Session)]);
    }

    /// <summary>A request's grant, a grant's request and the requests that extended it: until there are no more.</summary>
    private async Task Complete(HashSet<Guid> requests, HashSet<Guid> grants, long upTo, CancellationToken cancel)
    {
        var seen = new HashSet<Guid>();
        for (List<Guid> next = [.. requests, .. grants]; next.Count > 0; next = [.. requests.Concat(grants).Except(seen)])
        {
            seen.UnionWith(next);
            await foreach (var logged in evidence.Streams(next, [], upTo, cancel))
            {
                switch (logged.Event)
                {
                    case RequestApproved approved: grants.Add(approved.Grant); break;
                    case GrantIssued issued: requests.Add(issued.Request); break;
                    case GrantExtended extended: requests.Add(extended.Request); break;
                    default: break; // names no other stream
                }
            }
        }
    }

    private static EvidenceWindow WindowOf(CheckpointChain chain, DateTimeOffset from, DateTimeOffset to)
    {
        var last = chain.Last!.Number;
        return new EvidenceWindow((chain.AtOrAfter(from) ?? last + 1) - 1, chain.AtOrAfter(to) ?? last);
    }
}
