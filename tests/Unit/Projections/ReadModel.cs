using AccessPlane.Contracts;
using AccessPlane.Contracts.Identity;
using AccessPlane.Projections;

namespace AccessPlane.Tests.Unit.Projections;

/// <summary>Given(events).Then(rows): a read model folded in memory.</summary>
public sealed class ReadModel<TRow>(Projection<TRow> projection)
    where TRow : class
{
    private static readonly DateTimeOffset Start = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    private readonly Dictionary<string, FoldedRow> rows = [];
    private readonly Dictionary<Guid, long> versions = [];
    private long position;

    public static DateTimeOffset Minute(double n) => Start.AddMinutes(n);

    public static Actor Person(string name) =>
        new("https://idp.example", name, name, ActorKind.Person, [], new Dictionary<string, string>(), []);

    public ReadModel<TRow> Given(Guid stream, double minute, params IEvent[] events)
    {
        foreach (var e in events)
        {
            position++;
            versions[stream] = versions.GetValueOrDefault(stream) + 1;
            var stored = new Stored(
                position, stream, versions[stream], Guid.CreateVersion7(Start), Minute(minute), new EventContext(Person("someone"), Guid.Empty), e);
            var folding = new Folding(projection, rows);
            folding.Apply(stored);
            foreach (var (key, row) in folding.Changed)
            {
                rows[key] = row;
            }
        }
        return this;
    }

    public IReadOnlyList<TRow> Rows =>
        [.. rows.OrderBy(r => r.Key, StringComparer.Ordinal).Select(r => r.Value.Row).OfType<string>().Select(Projection<TRow>.Read)];

    public TRow Only => Rows.Single();
}
