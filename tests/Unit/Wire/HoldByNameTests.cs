using Xunit;
using static AccessPlane.Tests.Unit.Wire.Frames;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>Statements that run others by a name: people are asked about those.</summary>
public sealed class HoldByNameTests
{
    private readonly HeldTalk held = new();

    [Theory]
    [InlineData("prepare p as delete from t where a = 4", "execute p", "C[DELETE 4] ZI")]
    [InlineData("declare p cursor with hold for select 4", "fetch p", "C[FETCH 1] ZI")]
    public void What_it_runs_by_name_is_put_before_people_with_it(string first, string then, string story)
    {
        held.Talk.Witness.Held.Clear();
        held.Say(Query(first));
        held.Talk.Witness.Held.Add(then.Split(' ')[0]);
        held.Say(Query(then));
        Assert.Equal(("p", first), (held.Parked.Runs.Single().Name, System.Text.Encoding.UTF8.GetString(held.Parked.Runs.Single().Text.Text)));
        Assert.Contains(first.Contains("delete", StringComparison.Ordinal) ? "delete" : "select", held.Parked.Facts.Kinds);
        var alone = held.Parked.Bound.Bind(held.Parked.Text, held.Parked.Text.Facts, $"{held.Talk.Witness.Identity}\n{held.Talk.State.Catalog.PathSetting}", held.Talk.State.Session, held.Parked.Op);
        Assert.NotEqual(alone, held.Parked.Binding);
        Assert.Equal(story, held.Decide("released"));
    }

    [Fact]
    public void A_prepared_execute_of_a_prepared_delete_waits_each_time_it_is_run()
    {
        held.Talk.Witness.Held.Clear();
        held.Say(Query("prepare p as delete from t where a = 4"), Parse("s", "execute p"), Sync);
        held.Talk.Witness.Held.Add("delete");
        held.Say(Query("execute s"));
        Assert.Equal(["s", "p"], held.Parked.Runs.Select(r => r.Name));
        held.Decide("refused");
        held.Talk.Witness.Denied.Add("delete");
        Assert.Equal("E42501 ZI", held.Say(Query("execute s")));
    }

    [Fact]
    public void What_runs_itself_by_name_is_not_followed_for_ever()
    {
        Assert.Equal("1 ZI", held.Say(Parse("s", "execute s"), Sync));
        Assert.Equal("E0A000 ZI", held.Say(Query("execute s")));
    }

    [Fact]
    public void What_ran_by_a_name_yesterday_is_not_taken_for_what_runs_by_it_today()
    {
        held.Talk.Witness.Held.Clear();
        held.Say(Query("prepare p as select 1"), Query("prepare q as select 2"), Query("execute p; execute q"), Query("deallocate p"), Query("prepare p as delete from t where a = 4"));
        held.Talk.Witness.Denied.Add("delete");
        Assert.Equal("E42501 ZI", held.Say(Query("execute p; execute q")));
    }
}
