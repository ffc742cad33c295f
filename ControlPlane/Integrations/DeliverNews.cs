using AccessPlane.Contracts;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>One way to tell one piece of news.</summary>
internal interface INewsChannel
{
    Task<Attempt> Tell(News news, CancellationToken cancel);
}

/// <summary>
/// Tells one destination the news, in order and at least once, from where it was left. The log is the buffer: a destination that is away costs no
/// memory, and holds nobody up but itself.
/// </summary>
internal sealed class DeliverNews(DestinationOptions options, INewsChannel channel, EventLog log, DestinationState state, Delivery delivery, string url) : Subscription
{
    private readonly GivenUp givenUp = new(log, state.Name);

    public override string Name => $"integration/{state.Name}";

    public override IReadOnlyCollection<string>? Types => News.Types;

    /// <summary>What one took is remembered before the next is told.</summary>
    public override int MostAtOnce => 1;

    public override bool StartsNow => true;

    public override Task End()
    {
        state.IsAnothers();
        return Task.CompletedTask;
    }

    public override async Task Handle(IReadOnlyList<Stored> events, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(events);
        foreach (var stored in events)
        {
            var stream = await log.ReadStream(stored.Stream, cancel);
            foreach (var news in News.Of([.. stream.Where(s => s.Version <= stored.Version)], url).Where(n => n.IsFor(options.Groups)))
            {
                if (await delivery.Persist(c => channel.Tell(news, c), stored.At, 1, Patience.OfNews(options), cancel) is { } failed)
                {
                    await givenUp.Record(stored, news.Kind, failed, cancel);
                    delivery.GiveUp(news.Kind, stored.Position, failed);
                }
            }
        }
    }
}
