using AccessPlane.Agent.Protocols.PostgreSql;
using Xunit;
using static AccessPlane.Tests.Unit.Wire.Frames;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>Operations of the extended protocol that wait for people: what comes before and behind them, and what they were bound to.</summary>
public sealed class HoldInPipelineTests
{
    private readonly HeldTalk held = new();

    private static byte[] Run(string sql) => [.. Parse("", sql), .. Bind("", ""), .. Execute()];

    [Fact]
    public void In_a_pipeline_what_comes_before_is_answered_first_and_what_comes_after_waits()
    {
        var story = held.Say(Run("insert into t values (3)"), Run("delete from t where a = 4"), Run("select 7"), Sync);
        Assert.Equal("1 2 C[INSERT 0 3] 1 2", story);
        Assert.Equal(TimeSpan.FromMinutes(1), held.Parked.Patience);
        Assert.Equal("C[DELETE 4] 1 2 D D D C[SELECT 7] ZI", held.Decide("released"));
        Assert.Equal(["INSERT 0 3", "DELETE 4", "SELECT 7"], held.Server.Completed);
    }

    [Fact]
    public void In_a_pipeline_a_refused_one_skips_the_rest_of_its_unit_and_undoes_it()
    {
        held.Say(Run("insert into t values (3)"), Run("delete from t where a = 4"), Run("select 7"), Sync, Query("select 1"));
        Assert.Equal("E42501 ZI T D C[SELECT 1] ZI", held.Decide("refused"));
        Assert.DoesNotContain("DELETE 4", held.Server.Completed);
        Assert.Contains("undone", held.Outcomes);
    }

    [Fact]
    public void Nobody_is_asked_about_what_a_failure_before_it_has_skipped()
    {
        Assert.Equal("1 2 E22012 ZI", held.Say(Run("select 5/0"), Run("delete from t where a = 4"), Sync));
        Assert.Empty(held.Talk.Witness.Parked);
    }

    [Fact]
    public void A_held_execute_is_bound_to_the_parameters_of_its_bind()
    {
        held.Say(Parse("", "delete from t where a = 4"), Bind("p", "", "1"u8.ToArray(), null), Bind("q", "", "2"u8.ToArray(), null), Execute("q"), Sync);
        Assert.Equal(["2", null], held.Parked.Bound.Shown([]).Select(p => p.Text));
        Assert.Equal("C[DELETE 4] ZI", held.Decide("released"));
    }

    [Fact]
    public void What_was_bound_before_the_policy_held_it_is_bound_again_so_that_its_values_can_be_seen()
    {
        held.Talk.Witness.Held.Clear();
        held.Say(Parse("a", "delete from t where a = 4"), Sync, Query("begin"), Bind("p", "a", "1"u8.ToArray()), Sync);
        held.Talk.Witness.Held.Add("delete");
        Assert.Equal("E42501 ZE", held.Say(Execute("p"), Sync));
        Assert.Empty(held.Talk.Witness.Parked);
    }

    [Fact]
    public void A_portal_that_was_released_is_fetched_to_its_end()
    {
        held.Talk.Witness.Held.Add("select");
        held.Say(Parse("", "select 8"), Bind("", ""), Execute("", 1), Execute("", 1), Sync);
        Assert.Equal("D s D s ZI", held.Decide("released"));
        Assert.Single(held.Talk.Witness.Parked);
    }

    [Fact]
    public void What_is_too_long_for_a_person_to_read_is_not_put_before_one()
    {
        Assert.Equal("E42501 ZI", held.Say(Parse("", "delete from t where a = 4"), Bind("", "", new byte[PgBound.Longest + 1]), Execute(), Sync)[^9..]);
        Assert.Empty(held.Talk.Witness.Parked);
    }
}
