using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Resources;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Unit.Resources;

public sealed class WhenMaskingReportedTests : MaskingSpec
{
    [Fact]
    public void What_an_agent_finds_is_recorded_once()
    {
        var first = Given(Registered).When(Report(State(findings: Way))).Then(typeof(ResourceMaskingReported)).Happened<ResourceMaskingReported>();
        Assert.Equal(("orders-agent", "orders", Plan, Sql, Way), (first.Agent, first.Database, first.Plan, first.Sql, Assert.Single(first.Findings)));
        Given(Registered, first).When(Report(State(findings: Way), seconds: 9)).ThenNothing();
        Given(Registered, first).When(Report(State(), seconds: 9)).Then(typeof(ResourceMaskingReported));
        Given(Registered, first).When(Report(State(findings: Way), agent: "another")).Then(typeof(ResourceMaskingReported));
        Given(Registered, first).When(Report(State(findings: Way, database: "stock"))).Then(typeof(ResourceMaskingReported));
    }

    [Fact]
    public void The_SQL_of_a_plan_is_stored_once_and_known_ever_after()
    {
        var ready = Given(Registered, Reported()).When(Report(State(MaskingStatus.Ready), seconds: 1)).Happened<ResourceMaskingReported>();
        Assert.Null(ready.Sql);
        var state = (Resource.Registered)Fold(Registered, Reported(), ready);
        Assert.Equal((Sql, MaskingStatus.Ready), (state.Masking.FoundBy(["orders-agent"])[0].Sql, state.Masking.FoundBy(["orders-agent"])[0].Status));
        Assert.Equal("", Given(Registered, Reported(), ready).When(Report(State(MaskingStatus.Unavailable, ""), seconds: 2)).Happened<ResourceMaskingReported>().Sql);
    }

    [Fact]
    public void Of_two_reports_that_overtook_each_other_the_later_one_stays()
    {
        var ready = Reported(MaskingStatus.Ready, seconds: 10);
        Given(Registered, ready).When(Report(State(), seconds: 9)).ThenNothing();
        // a clock that was put back by more than any report is late
        Given(Registered, ready).When(Report(State(), seconds: -3600)).Then(typeof(ResourceMaskingReported));
    }

    [Fact]
    public void An_agent_is_believed_about_what_it_serves_and_the_policy_names()
    {
        Given(Registered).When(Report(State(), serves: false)).ThenRefused("masking-not-believed");
        Given(Registered).When(Report(State(), world: World.With("resources: []"))).ThenRefused("masking-not-believed");
        Given().When(Report(State())).ThenRefused("registration-unavailable");
        Given(Registered, new ResourceRetired("orders", "")).When(Report(State())).ThenRefused("registration-unavailable");
    }

    [Fact]
    public void What_is_set_up_in_the_databases_outlives_a_retirement()
    {
        var state = (Resource.Registered)Fold(Registered, Reported(MaskingStatus.Ready), new ResourceRetired("orders", ""), Registered);
        Assert.Single(state.Masking.FoundBy(["orders-agent"]));
        Assert.Empty(state.Masking.FoundBy(["another"]));
    }

    public static TheoryData<MaskingState, string> Malformed => new()
    {
        { State() with { Plan = Plan[1..] + "0" }, "is not what its SQL comes to" },
        { State(sql: new string('x', MaskingState.MostSql + 1)), "is longer than 1048576 bytes" },
        { State(sql: new string('ü', (MaskingState.MostSql / 2) + 1)), "is longer than 1048576 bytes" },
        { State(findings: [.. Enumerable.Repeat(Way, MaskingState.MostFindings + 1)]), "more than 500 findings" },
        { State(findings: Way with { Close = new string('x', MaskingState.LongestText + 1) }), "longer than 1000 characters" },
        { State(reason: new string('x', MaskingState.LongestText + 1)), "longer than 1000 characters" },
        { State(database: ""), "names no database" },
        { State() with { Resource = "Orders" }, "names no resource" },
    };

    [Theory]
    [MemberData(nameof(Malformed), DisableDiscoveryEnumeration = true)]
    public void What_no_agent_makes_is_a_finding(MaskingState state, string why) =>
        Assert.Contains(why, Assert.Throws<FormatException>(() => Report(state)(Resource.Initial)).Message, StringComparison.Ordinal);

    [Fact]
    public void What_an_agent_sends_is_cut_to_what_is_taken_and_SQL_that_nobody_could_read_is_not_applied()
    {
        var cut = State(reason: $"{new string('x', MaskingState.LongestText - 2)}😀x", findings: [.. Enumerable.Repeat(Way with { Close = new string('x', 9_999) }, 999)]).Bounded();
        Given(Registered).When(Report(cut)).Then(typeof(ResourceMaskingReported));
        Assert.EndsWith("x…", cut.Reason, StringComparison.Ordinal);
        Assert.Equal((Plan, MaskingStatus.Planned), (cut.Plan, cut.Status));
        var unseen = State(sql: new string('ü', MaskingState.MostSql)).Bounded();
        Assert.Equal(("", MaskingStatus.Unavailable), (unseen.Sql, unseen.Status));
        Given(Registered).When(Report(unseen)).Then(typeof(ResourceMaskingReported));
        Assert.Equal(State(findings: Way).Findings, State(findings: Way).Bounded().Findings);
    }

    [Fact]
    public void The_largest_report_is_taken() => Given(Registered)
        .When(Report(State(sql: new string('x', MaskingState.MostSql), findings: [.. Enumerable.Repeat(Way, MaskingState.MostFindings)])))
        .Then(typeof(ResourceMaskingReported));

    private static Resource Fold(params IEvent[] events) => events.Aggregate(Resource.Initial, Resource.Evolve);
}
