using AccessPlane.Contracts;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Notifications;

/// <summary>
/// Tells approvers by queue what becomes of the things that wait for them, one stream each. The log is the outbox: a notification leaves at least once,
/// after what it tells of is durable.
/// </summary>
public abstract class WhenApproversMustKnow<TState>(EventLog log, Announcer announcer, IConfiguration configuration) : Subscription
{
    private readonly string url = (configuration["PublicUrl"] ?? "").TrimEnd('/');

    public override async Task Handle(IReadOnlyList<Stored> events, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(events);
        // what a thing went through within one batch is told as one change
        foreach (var stream in events.GroupBy(e => e.Stream))
        {
            var (first, last) = (stream.Min(e => e.Version), stream.Max(e => e.Version));
            var (before, after) = (Initial, Initial);
            foreach (var stored in (await log.ReadStream(stream.Key, cancel)).Where(s => s.Version <= last))
            {
                after = Evolve(after, stored.Event);
                before = stored.Version < first ? after : before;
            }
            foreach (var (key, body) in Tell(before, after, url))
            {
                await announcer.Publish(key, body, cancel);
            }
        }
    }

    protected abstract TState Initial { get; }

    protected abstract TState Evolve(TState state, IEvent e);

    /// <summary>Routing keys and bodies of what a change means to approvers.</summary>
    protected abstract IEnumerable<(string Key, object Body)> Tell(TState before, TState after, string url);

    /// <summary>The routing keys of those who are asked: who is asked for as a person or by an issuer, and by no group, has the bare key.</summary>
    protected static IEnumerable<string> Keys(string what, IEnumerable<Who> asked) =>
        asked.SelectMany(a => a.Groups.Count == 0 ? [what] : a.Groups.Select(g => $"{what}.{g}")).Distinct(StringComparer.Ordinal);
}
