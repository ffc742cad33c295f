using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Sessions;

/// <summary>
/// Agents count their sessions without holes: a number that is missing, or that two sessions have, shows that a whole session was taken away. A
/// missing one is given a minute: sessions arrive side by side.
/// </summary>
public sealed partial class WatchSessionNumbers(EventLog log, Handle handle, TimeProvider clock, ILogger<WatchSessionNumbers> logger) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(1);
    private const int BatchSize = 1_000;

    private static readonly string[] Types = [EventNames.Of(typeof(SessionOpened)), EventNames.Of(typeof(AgentEnrolled)), EventNames.Of(typeof(EvidenceGapFound))];
    private readonly Dictionary<string, SessionNumbers> agents = new(StringComparer.Ordinal);

    /// <summary>What the log holds of this already, since each agent's last enrolment.</summary>
    private readonly HashSet<(string Agent, string Detail)> recorded = [];
    private long position;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, clock);
        await timer.EachTime(Look, LogFailed, stoppingToken);
    }

    internal async Task Look(CancellationToken cancel)
    {
        for (var more = true; more;)
        {
            var events = await log.ReadAll(position, Types, BatchSize, cancel);
            foreach (var stored in events)
            {
                Fold(stored);
                position = stored.Position;
            }
            more = events.Count == BatchSize;
        }
        foreach (var (agent, numbers) in agents)
        {
            foreach (var (number, kind) in numbers.Findings(clock.GetUtcNow(), Grace).ToList())
            {
                if (!recorded.Contains((agent, Detail(number, kind))))
                {
                    await Record(agent, numbers.Enrolment, number, kind, cancel);
                }
                numbers.Settle(number);
            }
        }
    }

    private void Fold(Stored stored)
    {
        switch (stored.Event)
        {
            case AgentEnrolled enrolled:
                // it may have started anew with an empty state folder
                agents[enrolled.Agent] = new SessionNumbers(stored.Position);
                recorded.RemoveWhere(r => r.Agent == enrolled.Agent);
                break;
            case SessionOpened opened:
                if (!agents.TryGetValue(opened.Agent, out var numbers))
                {
                    agents[opened.Agent] = numbers = new SessionNumbers(0);
                }
                numbers.Seen(opened.Number, stored.At);
                break;
            case EvidenceGapFound { Kind: SessionNumbers.Missing or SessionNumbers.Repeated } found:
                recorded.Add((found.Agent, found.Detail));
                break;
            case EvidenceGapFound:
                break;
            default:
                throw new InvalidOperationException($"`{stored.Event.GetType().Name}` was not asked for");
        }
    }

    private async Task Record(string agent, long enrolment, long number, string kind, CancellationToken cancel) => await handle.Run(
        new Handling<Agent>(
            Ids.Agent(agent), Agent.StreamType, Agent.Initial, Agent.Evolve,
            state => Decide(state, agent, number, kind),
            new EventContext(Actor.System("sessions"), Guid.CreateVersion7(clock.GetUtcNow())),
            Ids.Derive(Ids.Agent(agent), $"{kind}/{enrolment}/{number}")),
        cancel);

    /// <summary>A number that comes twice was counted twice: by two processes with one identity, or by one whose state folder was set back.</summary>
    public static Outcome Decide(Agent state, string agent, long number, string kind)
    {
        var gap = new EvidenceGapFound(agent, kind, Detail(number, kind));
        return kind == SessionNumbers.Repeated && state is Agent.Enrolled { CloneFound: null }
            ? Outcome.Of(gap, new AgentCloneFound(
                agent, "session-number", $"{gap.Detail}: its state was copied or set back. Retire it, and enrol it anew with an empty state folder"))
            : Outcome.Of(gap);
    }

    private static string Detail(long number, string kind) =>
        kind == SessionNumbers.Missing ? $"the agent's session number {number} never arrived" : $"two sessions of the agent have the number {number}";

    [LoggerMessage(Level = LogLevel.Warning, Message = "looking at the session numbers failed and will be tried again: {Why}")]
    private partial void LogFailed(string why);
}

/// <summary>The numbers of one agent's sessions since it enrolled.</summary>
/// <param name="enrolment">The position of its enrolment: each starts the count anew.</param>
public sealed class SessionNumbers(long enrolment)
{
    public const string Missing = "session-missing";
    public const string Repeated = "session-number-repeated";

    private readonly SortedDictionary<long, DateTimeOffset> ahead = [];
    private readonly SortedSet<long> repeated = [];
    private long upTo;

    public long Enrolment => enrolment;

    public void Seen(long number, DateTimeOffset at)
    {
        if (number <= upTo || !ahead.TryAdd(number, at))
        {
            repeated.Add(number);
        }
        CloseUp();
    }

    public IEnumerable<(long Number, string Kind)> Findings(DateTimeOffset now, TimeSpan grace)
    {
        foreach (var number in repeated)
        {
            yield return (number, Repeated);
        }
        var next = upTo + 1;
        foreach (var (number, at) in ahead)
        {
            for (; next < number && now - at >= grace; next++)
            {
                yield return (next, Missing);
            }
            next = number + 1;
        }
    }

    /// <summary>A finding was recorded.</summary>
    public void Settle(long number)
    {
        if (!repeated.Remove(number))
        {
            ahead.TryAdd(number, DateTimeOffset.MinValue);
            CloseUp();
        }
    }

    private void CloseUp()
    {
        while (ahead.Remove(upTo + 1))
        {
            upTo++;
        }
    }
}
