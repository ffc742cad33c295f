using System.Security.Cryptography;
using System.Text;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.Holds;

namespace AccessPlane.ControlPlane.Notifications;

/// <summary>What one event means to approvers, in the words in which they hear of it by queue: for whoever tells them by another way.</summary>
/// <param name="Kind">`request.submitted`, `request.decided`, `hold.opened` or `hold.decided`.</param>
/// <param name="Groups">Whose news it is; none where only persons or issuers are asked.</param>
/// <param name="Asks">Who may decide; null where there is nothing to decide any more.</param>
/// <param name="Seal">What a decision must be about, <see cref="SealOf"/>; null for a request, whose terms are counted.</param>
public sealed record ApproverNews(string Kind, IReadOnlyList<string> Groups, Guid Id, object Body, Who? Asks, string? Seal)
{
    private static readonly string[] Kinds = ["request.submitted", "request.decided", "hold.opened", "hold.decided"];
    private static readonly HashSet<Type> OfRequests = [.. AccessRequest.EventTypes];

    /// <summary>Stored names of the events that may be news.</summary>
    public static IReadOnlyCollection<string> Types { get; } = [.. AccessRequest.EventTypes.Concat(Hold.EventTypes).Select(EventNames.Of)];

    /// <param name="stream">All of a request's or a hold's events up to the one that is looked at: each is told on its own, so that what is told does
    /// not depend on what else came with it.</param>
    /// <param name="url">Where links lead.</param>
    public static IReadOnlyList<ApproverNews> Of(IReadOnlyList<IEvent> stream, string url)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (stream.Count == 0)
        {
            return [];
        }
        if (OfRequests.Contains(stream[^1].GetType()))
        {
            var (before, after) = Fold(stream, AccessRequest.Initial, AccessRequest.Evolve);
            return Told(WhenReviewIsNeeded.Changes(before, after, url), (after as AccessRequest.Known)?.Id, AsksOf(after), null);
        }
        var (was, now) = Fold(stream, Hold.Initial, Hold.Evolve);
        var waiting = now as Hold.Waiting;
        return Told(WhenHoldNeedsReview.Changes(was, now, url), (now as Hold.Known)?.Id, waiting?.Held.From, waiting is null ? null : SealOf(waiting.Held));
    }

    /// <summary>Who the open step of a request asks; null where none is open.</summary>
    internal static Who? AsksOf(AccessRequest state) =>
        state is AccessRequest.Submitted s && s.Step < s.Asked.Steps.Count ? s.Asked.Steps[s.Step].From : null;

    /// <summary>Of an operation, everything that its agent binds a decision to, in one short text: a button that carries it decides about nothing else.</summary>
    internal static string SealOf(OperationHeld held) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{held.Hold:D}\n{held.Operation.TextHash}\n{held.Operation.Binding}")));

    private static (TState Before, TState After) Fold<TState>(IReadOnlyList<IEvent> stream, TState initial, Func<TState, IEvent, TState> evolve)
    {
        var before = stream.SkipLast(1).Aggregate(initial, evolve);
        return (before, evolve(before, stream[^1]));
    }

    /// <summary>By queue there is one message for each group; the body is the same.</summary>
    private static List<ApproverNews> Told(IEnumerable<(string Key, object Body)> messages, Guid? id, Who? asks, string? seal) =>
    [
        .. messages.GroupBy(m => Kinds.Single(k => m.Key == k || m.Key.StartsWith($"{k}.", StringComparison.Ordinal))).Select(of => new ApproverNews(
            of.Key, [.. of.Where(m => m.Key.Length > of.Key.Length).Select(m => m.Key[(of.Key.Length + 1)..])], id!.Value, of.First().Body, asks, seal)),
    ];
}
