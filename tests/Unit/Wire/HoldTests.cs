using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts.Messages;
using Xunit;
using static AccessPlane.Tests.Unit.Wire.Frames;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>Operations that wait for people, without sockets: what passes, what does not, and who was first.</summary>
public sealed class HoldTests
{
    private readonly HeldTalk held = new();

    [Fact]
    public void A_held_statement_passes_once_unchanged_when_it_is_released()
    {
        Assert.Equal("", held.Say(Query("delete from t where a = 4")));
        Assert.Empty(held.Server.Completed);
        Assert.Equal("C[DELETE 4] ZI", held.Decide("released"));
        Assert.Equal(["hold-ended: Released by dba"], held.Talk.Witness.Facts);
        Assert.Equal(["completed"], held.Outcomes);
        Assert.Equal("", held.Decide("released"));
    }

    [Fact]
    public void What_comes_behind_it_waits_as_well()
    {
        Assert.Equal("", held.Say(Query("delete from t where a = 4"), Query("select 1")));
        Assert.True(held.Talk.Waiting > 0);
        Assert.Equal("C[DELETE 4] ZI T D C[SELECT 1] ZI", held.Decide("released"));
    }

    [Fact]
    public void A_refused_one_aborts_its_transaction_as_any_error_does()
    {
        Assert.Equal("C[BEGIN] ZT", held.Say(Query("begin")));
        held.Say(Query("delete from t where a = 4"));
        Assert.Equal(TimeSpan.FromMinutes(1), held.Parked.Patience);
        Assert.Equal("E42501 ZE", held.Decide("refused", comment: "not today"));
        Assert.Equal("C[ROLLBACK] ZI", held.Say(Query("commit")));
        Assert.Contains("refused", held.Outcomes);
        Assert.Equal(["hold-ended: Refused by dba"], held.Talk.Witness.Facts);
    }

    [Fact]
    public void Nobody_answers_and_it_lapses_by_the_monotonic_clock_whatever_comes_later()
    {
        held.Say(Query("delete from t where a = 4"));
        held.Time.Wall += TimeSpan.FromDays(1);
        Assert.False(held.Parked.Lapse(held.Time.GetTimestamp()));
        held.Time.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal("E42501 ZI", held.Decide("released"));
        Assert.Equal(["hold-ended: Lapsed by time"], held.Talk.Witness.Facts);
    }

    [Fact]
    public void A_release_that_can_only_be_used_after_the_deadline_is_void()
    {
        held.Say(Query("delete from t where a = 4"));
        held.Parked.Decide(new HoldDecision(held.Parked.Id, "released", held.Parked.Binding, "dba", null, held.Time.Wall), held.Time.GetTimestamp());
        held.Time.Advance(TimeSpan.FromMinutes(5));
        held.Talk.Wake();
        Assert.Equal("E42501 ZI", held.Settle());
        Assert.False(held.Parked.IsKnown);
    }

    [Fact]
    public void The_first_word_counts_whoever_says_it()
    {
        held.Say(Query("delete from t where a = 4"));
        Assert.True(held.Parked.Cancel());
        Assert.Equal("E57014 ZI", held.Decide("released"));
        Assert.Equal(["cancelled"], held.Outcomes);
        held.Say(Query("delete from t where a = 4"));
        held.Parked.Decide(new HoldDecision(held.Parked.Id, "released", held.Parked.Binding, "dba", null, held.Time.Wall), held.Time.GetTimestamp());
        Assert.False(held.Parked.Cancel());
        Assert.Equal("C[DELETE 4] ZI", held.Decide("refused"));
        Assert.Equal(["cancelled", "completed"], held.Outcomes);
    }

    [Fact]
    public void A_session_that_ends_takes_it_along_even_when_it_was_released_a_moment_before()
    {
        held.Say(Query("delete from t where a = 4"));
        held.Parked.Decide(new HoldDecision(held.Parked.Id, "released", held.Parked.Binding, "dba", null, held.Time.Wall), held.Time.GetTimestamp());
        held.Talk.State.Holds.Abandon("the end of the session", "its session ended");
        held.Talk.State.Operations.Abandon();
        Assert.Equal(HoldOutcome.Abandoned, held.Parked.Outcome);
        Assert.False(held.Parked.IsKnown);
        Assert.Equal(["refused"], held.Outcomes);
        Assert.True(held.Parked.Ended.IsCompleted);
        Assert.Empty(held.Server.Completed);
    }

    [Fact]
    public void A_goodbye_behind_it_is_seen_and_other_messages_are_none()
    {
        byte[] first = Query("delete from t where a = 4");
        Assert.False(held.Talk.Conversation.SaysGoodbye(first));
        Assert.False(held.Talk.Conversation.SaysGoodbye([.. first, .. Query("X"), .. Sync]));
        Assert.True(held.Talk.Conversation.SaysGoodbye([.. first, .. Sync, .. Terminate]));
        Assert.False(held.Talk.Conversation.SaysGoodbye([.. first, .. Terminate[..3]]));
    }

    [Fact]
    public void A_decision_about_something_else_releases_nothing()
    {
        held.Say(Query("delete from t where a = 4"));
        Assert.Equal("", held.Decide("released", hold: Guid.CreateVersion7()));
        Assert.True(held.Parked.IsWaiting);
        Assert.Equal("E42501 ZI", held.Decide("released", binding: "b2"));
        held.Say(Query("delete from t where a = 4"));
        Assert.Equal("E42501 ZI", held.Decide("a new kind of decision"));
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

    [Fact]
    public void What_the_policy_denies_by_now_does_not_pass_although_it_was_released()
    {
        held.Say(Query("delete from t where a = 4"));
        held.Talk.Witness.Denied.Add("delete");
        Assert.Equal("E42501 ZI", held.Decide("released"));
        Assert.False(held.Parked.IsKnown);
        Assert.Equal(["hold-ended: Refused by the policy"], held.Talk.Witness.Facts);
    }

    [Fact]
    public void What_the_policy_allows_by_now_still_waits_for_its_verdict_and_passes_with_it()
    {
        held.Say(Query("delete from t where a = 4"));
        held.Talk.Witness.Held.Clear();
        Assert.Equal("", held.Settle());
        Assert.Equal("C[DELETE 4] ZI", held.Decide("released"));
    }

    [Fact]
    public void Who_asks_again_and_again_has_to_wait_a_minute()
    {
        for (var i = 0; i < PgHolds.MostAMinute; i++)
        {
            held.Say(Query("delete from t where a = 4"));
            Assert.Equal("E42501 ZI", held.Decide("refused"));
        }
        Assert.Equal("E42501 ZI", held.Say(Query("delete from t where a = 4")));
        Assert.Equal(PgHolds.MostAMinute, held.Talk.Witness.Parked.Count);
        held.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("", held.Say(Query("delete from t where a = 4")));
    }

    [Fact]
    public void What_cannot_be_recorded_neither_waits_nor_passes()
    {
        held.Say(Query("delete from t where a = 4"));
        held.Talk.Witness.IsFull = true;
        Assert.Equal("E58030 ZI", held.Decide("released"));
        Assert.Empty(held.Server.Completed);
        Assert.False(held.Parked.IsKnown);
        held.Talk.Witness.IsFull = false;
    }
}
