using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts.Messages;
using AccessPlane.Tests.Unit.Agent;
using Xunit;
using static AccessPlane.Tests.Unit.Wire.Frames;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>Operations that wait for people, without sockets: what passes, what does not, and who was first.</summary>
public sealed class HoldTests
{
    private readonly ManualTime time = new();
    private readonly ModelServer server = new();
    private readonly Talk talk;

    public HoldTests()
    {
        talk = new Talk(time);
        talk.Witness.Held.Add("delete");
    }

    private PgHold Parked => talk.Witness.Parked[^1];

    private static byte[] Run(string sql, params byte[]?[] values) => [.. Parse("", sql), .. Bind("", "", values), .. Execute()];

    /// <summary>Says it, lets the server answer, and tells what the client got.</summary>
    private string Say(params byte[][] messages)
    {
        talk.Client(messages);
        return Settle();
    }

    private string Settle()
    {
        while (!talk.IsOver && talk.TakeForServer() is { Length: > 0 } bytes)
        {
            server.Receive(bytes);
            talk.Server(server.Take());
        }
        return Story(talk.TakeForClient());
    }

    private string Decide(string outcome, string? binding = null, Guid? hold = null, string? comment = null)
    {
        Parked.Decide(new HoldDecision(hold ?? Parked.Id, outcome, binding ?? Parked.Binding, "dba", comment, time.Wall), time.GetTimestamp());
        talk.Wake();
        return Settle();
    }

    private string[] Outcomes => [.. talk.Witness.Results.Select(r => r.Kind)];

    [Fact]
    public void A_held_statement_passes_once_unchanged_when_it_is_released()
    {
        Assert.Equal("", Say(Query("delete from t where a = 4")));
        Assert.Empty(server.Completed);
        Assert.Equal("C[DELETE 4] ZI", Decide("released"));
        Assert.Equal(["hold-ended: Released by dba"], talk.Witness.Facts);
        Assert.Equal(["completed"], Outcomes);
        Assert.Equal("", Decide("released"));
    }

    [Fact]
    public void What_comes_behind_it_waits_as_well()
    {
        Assert.Equal("", Say(Query("delete from t where a = 4"), Query("select 1")));
        Assert.True(talk.Waiting > 0);
        Assert.Equal("C[DELETE 4] ZI T D C[SELECT 1] ZI", Decide("released"));
    }

    [Fact]
    public void A_refused_one_aborts_its_transaction_as_any_error_does()
    {
        Assert.Equal("C[BEGIN] ZT", Say(Query("begin")));
        Say(Query("delete from t where a = 4"));
        Assert.Equal(TimeSpan.FromMinutes(1), Parked.Patience);
        Assert.Equal("E42501 ZE", Decide("refused", comment: "not today"));
        Assert.Equal("C[ROLLBACK] ZI", Say(Query("commit")));
        Assert.Contains("refused", Outcomes);
        Assert.Equal(["hold-ended: Refused by dba"], talk.Witness.Facts);
    }

    [Fact]
    public void Nobody_answers_and_it_lapses_by_the_monotonic_clock_whatever_comes_later()
    {
        Say(Query("delete from t where a = 4"));
        time.Wall += TimeSpan.FromDays(1);
        Assert.False(Parked.Lapse(time.GetTimestamp()));
        time.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal("E42501 ZI", Decide("released"));
        Assert.Equal(["hold-ended: Lapsed by time"], talk.Witness.Facts);
    }

    [Fact]
    public void A_release_that_can_only_be_used_after_the_deadline_is_void()
    {
        Say(Query("delete from t where a = 4"));
        Parked.Decide(new HoldDecision(Parked.Id, "released", Parked.Binding, "dba", null, time.Wall), time.GetTimestamp());
        time.Advance(TimeSpan.FromMinutes(5));
        talk.Wake();
        Assert.Equal("E42501 ZI", Settle());
        Assert.False(Parked.IsKnown);
    }

    [Fact]
    public void The_first_word_counts_whoever_says_it()
    {
        Say(Query("delete from t where a = 4"));
        Assert.True(Parked.Cancel());
        Assert.Equal("E57014 ZI", Decide("released"));
        Assert.Equal(["cancelled"], Outcomes);
        Say(Query("delete from t where a = 4"));
        Parked.Decide(new HoldDecision(Parked.Id, "released", Parked.Binding, "dba", null, time.Wall), time.GetTimestamp());
        Assert.False(Parked.Cancel());
        Assert.Equal("C[DELETE 4] ZI", Decide("refused"));
        Assert.Equal(["cancelled", "completed"], Outcomes);
    }

    [Fact]
    public void A_session_that_ends_takes_it_along_even_when_it_was_released_a_moment_before()
    {
        Say(Query("delete from t where a = 4"));
        Parked.Decide(new HoldDecision(Parked.Id, "released", Parked.Binding, "dba", null, time.Wall), time.GetTimestamp());
        talk.State.Holds.Abandon("the end of the session", "its session ended");
        talk.State.Operations.Abandon();
        Assert.Equal(HoldOutcome.Abandoned, Parked.Outcome);
        Assert.False(Parked.IsKnown);
        Assert.Equal(["refused"], Outcomes);
        Assert.True(Parked.Ended.IsCompleted);
        Assert.Empty(server.Completed);
    }

    [Fact]
    public void A_goodbye_behind_it_is_seen_and_other_messages_are_none()
    {
        byte[] held = Query("delete from t where a = 4");
        Assert.False(talk.Conversation.SaysGoodbye(held));
        Assert.False(talk.Conversation.SaysGoodbye([.. held, .. Query("X"), .. Sync]));
        Assert.True(talk.Conversation.SaysGoodbye([.. held, .. Sync, .. Terminate]));
        Assert.False(talk.Conversation.SaysGoodbye([.. held, .. Terminate[..3]]));
    }

    [Fact]
    public void A_decision_about_something_else_releases_nothing()
    {
        Say(Query("delete from t where a = 4"));
        Assert.Equal("", Decide("released", hold: Guid.CreateVersion7()));
        Assert.True(Parked.IsWaiting);
        Assert.Equal("E42501 ZI", Decide("released", binding: "b2"));
        Say(Query("delete from t where a = 4"));
        Assert.Equal("E42501 ZI", Decide("a new kind of decision"));
    }

    [Fact]
    public void Every_part_of_what_is_approved_is_in_the_binding()
    {
        var text = new PgText("delete from t where a = $1"u8.ToArray(), new AccessPlane.Contracts.Sql.StatementFacts(["delete"], 1));
        var bound = new PgBound(1, [], [0, 0, 0, 1, (byte)'4']);
        var session = Guid.CreateVersion7();
        string[] all =
        [
            bound.Bind(text, text.Facts, "r\nd", session, 1),
            bound.Bind(text with { Text = "delete from t where a = $1 "u8.ToArray() }, text.Facts, "r\nd", session, 1),
            bound.Bind(text with { ParameterTypes = [0, 0, 0, 23] }, text.Facts, "r\nd", session, 1),
            bound.Bind(text, text.Facts with { Relations = [new("other.t", AccessPlane.Contracts.Sql.RelationAccess.Write)] }, "r\nd", session, 1),
            (bound with { Values = [0, 0, 0, 1, (byte)'5'] }).Bind(text, text.Facts, "r\nd", session, 1),
            (bound with { Formats = [0, 1] }).Bind(text, text.Facts, "r\nd", session, 1),
            bound.Bind(text, text.Facts, "another\nd", session, 1),
            bound.Bind(text, text.Facts, "r\nd", Guid.CreateVersion7(), 1),
            bound.Bind(text, text.Facts, "r\nd", session, 2),
        ];
        Assert.Equal(all.Length, all.Distinct().Count());
        Assert.Equal(all[0], bound.Bind(text, text.Facts, "r\nd", session, 1));
    }

    [Theory]
    [InlineData("prepare p as delete from t where a = 4", "execute p", "C[DELETE 4] ZI")]
    [InlineData("declare p cursor with hold for select 4", "fetch p", "C[FETCH 1] ZI")]
    public void What_it_runs_by_name_is_put_before_people_with_it(string first, string then, string story)
    {
        talk.Witness.Held.Clear();
        Say(Query(first));
        talk.Witness.Held.Add(then.Split(' ')[0]);
        Say(Query(then));
        Assert.Equal(("p", first), (Parked.Runs.Single().Name, System.Text.Encoding.UTF8.GetString(Parked.Runs.Single().Text.Text)));
        Assert.Contains(first.Contains("delete", StringComparison.Ordinal) ? "delete" : "select", Parked.Facts.Kinds);
        var alone = Parked.Bound.Bind(Parked.Text, Parked.Text.Facts, $"{talk.Witness.Identity}\n{talk.State.Catalog.PathSetting}", talk.State.Session, Parked.Op);
        Assert.NotEqual(alone, Parked.Binding);
        Assert.Equal(story, Decide("released"));
    }

    [Fact]
    public void A_prepared_execute_of_a_prepared_delete_waits_each_time_it_is_run()
    {
        talk.Witness.Held.Clear();
        Say(Query("prepare p as delete from t where a = 4"), Parse("s", "execute p"), Sync);
        talk.Witness.Held.Add("delete");
        Say(Query("execute s"));
        Assert.Equal(["s", "p"], Parked.Runs.Select(r => r.Name));
        Decide("refused");
        talk.Witness.Denied.Add("delete");
        Assert.Equal("E42501 ZI", Say(Query("execute s")));
    }

    [Fact]
    public void What_runs_itself_by_name_is_not_followed_for_ever()
    {
        Assert.Equal("1 ZI", Say(Parse("s", "execute s"), Sync));
        Assert.Equal("E0A000 ZI", Say(Query("execute s")));
    }

    [Fact]
    public void What_ran_by_a_name_yesterday_is_not_taken_for_what_runs_by_it_today()
    {
        talk.Witness.Held.Clear();
        Say(Query("prepare p as select 1"), Query("prepare q as select 2"), Query("execute p; execute q"), Query("deallocate p"), Query("prepare p as delete from t where a = 4"));
        talk.Witness.Denied.Add("delete");
        Assert.Equal("E42501 ZI", Say(Query("execute p; execute q")));
    }

    [Fact]
    public void What_the_policy_denies_by_now_does_not_pass_although_it_was_released()
    {
        Say(Query("delete from t where a = 4"));
        talk.Witness.Denied.Add("delete");
        Assert.Equal("E42501 ZI", Decide("released"));
        Assert.False(Parked.IsKnown);
        Assert.Equal(["hold-ended: Refused by the policy"], talk.Witness.Facts);
    }

    [Fact]
    public void What_the_policy_allows_by_now_still_waits_for_its_verdict_and_passes_with_it()
    {
        Say(Query("delete from t where a = 4"));
        talk.Witness.Held.Clear();
        Assert.Equal("", Settle());
        Assert.Equal("C[DELETE 4] ZI", Decide("released"));
    }

    [Fact]
    public void In_a_pipeline_what_comes_before_is_answered_first_and_what_comes_after_waits()
    {
        var story = Say(Run("insert into t values (3)"), Run("delete from t where a = 4"), Run("select 7"), Sync);
        Assert.Equal("1 2 C[INSERT 0 3] 1 2", story);
        Assert.Equal(TimeSpan.FromMinutes(1), Parked.Patience);
        Assert.Equal("C[DELETE 4] 1 2 D D D C[SELECT 7] ZI", Decide("released"));
        Assert.Equal(["INSERT 0 3", "DELETE 4", "SELECT 7"], server.Completed);
    }

    [Fact]
    public void In_a_pipeline_a_refused_one_skips_the_rest_of_its_unit_and_undoes_it()
    {
        Say(Run("insert into t values (3)"), Run("delete from t where a = 4"), Run("select 7"), Sync, Query("select 1"));
        Assert.Equal("E42501 ZI T D C[SELECT 1] ZI", Decide("refused"));
        Assert.DoesNotContain("DELETE 4", server.Completed);
        Assert.Contains("undone", Outcomes);
    }

    [Fact]
    public void Nobody_is_asked_about_what_a_failure_before_it_has_skipped()
    {
        Assert.Equal("1 2 E22012 ZI", Say(Run("select 5/0"), Run("delete from t where a = 4"), Sync));
        Assert.Empty(talk.Witness.Parked);
    }

    [Fact]
    public void A_held_execute_is_bound_to_the_parameters_of_its_bind()
    {
        Say(Parse("", "delete from t where a = 4"), Bind("p", "", "1"u8.ToArray(), null), Bind("q", "", "2"u8.ToArray(), null), Execute("q"), Sync);
        Assert.Equal(["2", null], Parked.Bound.Shown([]).Select(p => p.Text));
        Assert.Equal("C[DELETE 4] ZI", Decide("released"));
    }

    [Fact]
    public void What_was_bound_before_the_policy_held_it_is_bound_again_so_that_its_values_can_be_seen()
    {
        talk.Witness.Held.Clear();
        Say(Parse("a", "delete from t where a = 4"), Sync, Query("begin"), Bind("p", "a", "1"u8.ToArray()), Sync);
        talk.Witness.Held.Add("delete");
        Assert.Equal("E42501 ZE", Say(Execute("p"), Sync));
        Assert.Empty(talk.Witness.Parked);
    }

    [Fact]
    public void A_portal_that_was_released_is_fetched_to_its_end()
    {
        talk.Witness.Held.Add("select");
        Say(Parse("", "select 8"), Bind("", ""), Execute("", 1), Execute("", 1), Sync);
        Assert.Equal("D s D s ZI", Decide("released"));
        Assert.Single(talk.Witness.Parked);
    }

    [Fact]
    public void What_is_too_long_for_a_person_to_read_is_not_put_before_one()
    {
        Assert.Equal("E42501 ZI", Say(Parse("", "delete from t where a = 4"), Bind("", "", new byte[PgBound.Longest + 1]), Execute(), Sync)[^9..]);
        Assert.Empty(talk.Witness.Parked);
    }

    [Fact]
    public void Who_asks_again_and_again_has_to_wait_a_minute()
    {
        for (var i = 0; i < PgHolds.MostAMinute; i++)
        {
            Say(Query("delete from t where a = 4"));
            Assert.Equal("E42501 ZI", Decide("refused"));
        }
        Assert.Equal("E42501 ZI", Say(Query("delete from t where a = 4")));
        Assert.Equal(PgHolds.MostAMinute, talk.Witness.Parked.Count);
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("", Say(Query("delete from t where a = 4")));
    }

    [Fact]
    public void What_cannot_be_recorded_neither_waits_nor_passes()
    {
        Say(Query("delete from t where a = 4"));
        talk.Witness.IsFull = true;
        Assert.Equal("E58030 ZI", Decide("released"));
        Assert.Empty(server.Completed);
        Assert.False(Parked.IsKnown);
        talk.Witness.IsFull = false;
    }
}
