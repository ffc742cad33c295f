using System.Text.Json;
using System.Text.Json.Nodes;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Notifications;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>Something to be told, because of one event.</summary>
/// <param name="Kind">`request.submitted`, `request.decided`, `hold.opened`, `hold.decided`, `grant.ended`, `lock.placed` or `lock.lifted`.</param>
/// <param name="Groups">Whose news it is; none: nobody's in particular.</param>
/// <param name="ForAll">Told to those as well who want the news of some groups only.</param>
/// <param name="Body">For requests and holds the one that approvers get by queue.</param>
/// <param name="Asks">Who may decide; null where there is nothing to decide.</param>
/// <param name="Seal">What a decision must be about; null where nothing can change.</param>
internal sealed record News(Stored Cause, string Kind, IReadOnlyList<string> Groups, bool ForAll, Guid About, object Body, Who? Asks = null, string? Seal = null)
{
    private static readonly Type[] Ends =
        [typeof(GrantRevoked), typeof(GrantSurrendered), typeof(GrantExpired), typeof(ActivationRefused), typeof(ActivationLapsed)];

    public static IReadOnlyCollection<string> Types { get; } =
        [.. ApproverNews.Types, .. Ends.Concat([typeof(LockPlaced), typeof(LockLifted)]).Select(EventNames.Of)];

    /// <summary>The same for everybody who is told, and each time: the event's id and the kind. Without full stops, which part what is signed.</summary>
    public string Id => $"{Cause.Id:N}_{Kind.Replace('.', '-')}";

    /// <param name="stream">The event's, up to it.</param>
    /// <param name="url">Where links lead.</param>
    public static IReadOnlyList<News> Of(IReadOnlyList<Stored> stream, string url)
    {
        var (cause, first) = (stream[^1], stream[0].Event);
        return cause.Event switch
        {
            LockPlaced placed => [new News(cause, "lock.placed", [], true, placed.Lock, LockNews.Of(placed, null, null))],
            LockLifted lifted when first is LockPlaced placed => [new News(cause, "lock.lifted", [], true, placed.Lock, LockNews.Of(placed, lifted.By, lifted.Why))],
            var end when Ends.Contains(end.GetType()) =>
                first is GrantIssued issued ? [new News(cause, "grant.ended", [], false, issued.Grant, GrantNews.Of(issued, end, cause.Context.Actor))] : [],
            _ => [.. ApproverNews.Of([.. stream.Select(s => s.Event)], url).Select(n => new News(cause, n.Kind, n.Groups, false, n.Id, n.Body, n.Asks, n.Seal))],
        };
    }

    public bool IsFor(IList<string> groups) => groups.Count == 0 || ForAll || Groups.Any(groups.Contains);

    public CloudEvent ToCloudEvent(string source) => new(
        Id, source, $"accessplane.{Kind}", $"{Kind.Split('.')[0]}/{About:D}", Cause.At,
        Groups.Count == 0 ? [] : [("groups", string.Join(',', Groups.Select(Uri.EscapeDataString)))], Node);

    /// <summary>The body as a tree: what other forms of it are made from.</summary>
    public JsonNode Node => JsonSerializer.SerializeToNode(Body, Body.GetType(), Json.Options)!;
}

/// <summary>`grant.ended`.</summary>
/// <param name="How">`revoked`, `surrendered`, `expired`, `activation-refused` or `activation-lapsed`.</param>
internal sealed record GrantNews(string Kind, Guid Id, string How, NotifiedWho Who, string Resource, string Entitlement, string By, string? Why)
{
    public static GrantNews Of(GrantIssued issued, IEvent end, Actor by)
    {
        var (how, who, why) = end switch
        {
            GrantRevoked revoked => ("revoked", revoked.By, revoked.Why),
            GrantSurrendered surrendered => ("surrendered", surrendered.By, null),
            ActivationRefused refused => ("activation-refused", by, refused.Why),
            ActivationLapsed => ("activation-lapsed", by, null),
            _ => ("expired", by, (string?)null),
        };
        return new GrantNews("grant", issued.Grant, how, NotifiedWho.Of(issued.Holder), issued.Resource, issued.Entitlement, who.Display, why);
    }
}

/// <summary>`lock.placed`, `lock.lifted`.</summary>
/// <param name="By">Who placed or lifted it; absent where its time was over.</param>
internal sealed record LockNews(string Kind, Guid Id, LockTarget On, string Reason, DateTimeOffset? Until, string? By, string? Why)
{
    public static LockNews Of(LockPlaced placed, Actor? lifted, string? why) =>
        new("lock", placed.Lock, placed.On, placed.Reason, placed.Until, why is null ? placed.By.Display : lifted?.Display, why);
}
