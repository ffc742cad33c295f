using AccessPlane.Agent.Gate;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Resources;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Unit.Resources;

/// <summary>What databases hold by name: told by agents now and then, kept where it is new, and believed about what the agent serves.</summary>
public sealed class CatalogTests : MaskingSpec
{
    private static CatalogNames Names(string relation = "shop.orders", string database = "orders", params string[] columns) =>
        CatalogNames.Of("orders", database, [new RelationNames(relation, columns)]);

    private static Func<Resource, Outcome> Told(CatalogNames names, string agent = "orders-agent", bool serves = true) =>
        s => WhenCatalogReported.Decide(s, new CatalogReport(agent, names, serves, World.Today.Policy));

    [Fact]
    public void What_is_new_is_kept_and_what_is_said_again_is_not()
    {
        var first = Given(Registered).When(Told(Names(columns: "id"))).Happened<ResourceCatalogReported>();
        Assert.Equal(("orders", "orders-agent", "shop.orders", true), (first.Database, first.Agent, first.Relations.Single().Relation, first.IsAll));
        Given(Registered, first).When(Told(Names(columns: "id"))).ThenNothing();
        Given(Registered, first).When(Told(Names(columns: ["id", "at"]))).Then(typeof(ResourceCatalogReported));
        Given(Registered, first).When(Told(Names(columns: "id"), agent: "another")).Then(typeof(ResourceCatalogReported));
        Given(Registered, first).When(Told(Names(database: "stock", columns: "id"))).Then(typeof(ResourceCatalogReported));
    }

    [Fact]
    public void An_agent_is_not_believed_about_what_it_does_not_serve() =>
        Given(Registered).When(Told(Names(), serves: false)).ThenRefused("catalog-not-believed");

    [Fact]
    public void What_no_agent_would_say_is_none()
    {
        Assert.Throws<FormatException>(() => Given(Registered).When(Told(Names() with { Hash = "" })));
        Assert.Throws<FormatException>(() => Given(Registered).When(Told(Names(relation: new string('x', CatalogNames.LongestName + 1)))));
        Assert.Throws<FormatException>(() => Given(Registered).When(Told(Names() with { IsAll = false })));
        var many = Enumerable.Range(0, CatalogNames.MostNames + 1).Select(i => new RelationNames($"s.t{i}", [])).ToList();
        Assert.Throws<FormatException>(() => Given(Registered).When(Told(Names() with { Relations = many, Hash = CatalogNames.HashOf(many) })));
        Assert.Equal((false, 0), (CatalogNames.Of("orders", "orders", many).IsAll, CatalogNames.Of("orders", "orders", many).Relations.Count));
    }

    [Fact]
    public void A_catalog_is_told_at_once_then_at_rest_and_only_where_it_changed()
    {
        var time = new Bells();
        var told = new List<string>();
        using var desk = new CatalogDesk(names => told.Add($"{names.Database} {names.Relations[0].Relation}"), time);
        desk.Seen(Names("s.a"));
        desk.Seen(Names("s.b"));
        desk.Seen(Names("s.c"));
        desk.Seen(Names("s.a", "other"));
        Assert.Equal(["orders s.a", "other s.a"], told);
        time.Ring();
        Assert.Equal(["orders s.a", "other s.a", "orders s.c"], told);
        desk.Seen(Names("s.c"));
        time.Ring();
        desk.Seen(Names("s.c"));
        Assert.Equal(3, told.Count);
        desk.Seen(Names("s.d"));
        Assert.Equal("orders s.d", told[^1]);
    }

    /// <summary>Timers that are over when it is said.</summary>
    private sealed class Bells : TimeProvider
    {
        private readonly List<Bell> all = [];

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var bell = new Bell(() => callback(state));
            bell.Change(dueTime, period);
            all.Add(bell);
            return bell;
        }

        public void Ring()
        {
            foreach (var bell in all.Where(b => b.IsSet).ToList())
            {
                bell.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                bell.Over();
            }
        }

        private sealed class Bell(Action over) : ITimer
        {
            public bool IsSet { get; private set; }
            public Action Over { get; } = over;

            public bool Change(TimeSpan dueTime, TimeSpan period) => (IsSet = dueTime != Timeout.InfiniteTimeSpan) || true;

            public void Dispose() => IsSet = false;

            public ValueTask DisposeAsync()
            {
                Dispose();
                return ValueTask.CompletedTask;
            }
        }
    }
}
