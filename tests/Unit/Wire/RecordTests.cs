using System.Security.Cryptography;
using System.Text;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Agent.Relay;
using AccessPlane.Contracts.Sql;
using Xunit;
using static AccessPlane.Tests.Unit.Wire.Frames;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>Ways in which work got past the record, or the record said something else than what happened: one story each.</summary>
public sealed class RecordTests
{
    private static readonly string Long = new('n', 63);

    /// <summary>One unit after another; the server answers only when it must.</summary>
    private static (Talk Talk, string Story) Told(params byte[][] messages)
    {
        var (talk, _, story, _) = Script.Play([.. messages.SelectMany(m => m)], int.MaxValue, eager: true);
        return (talk, story);
    }

    private static string[] Recorded(Talk talk) => [.. talk.Witness.Operations.Select(o => o.Text)];

    private static byte[] Run(string sql) => [.. Parse("", sql), .. Bind("", ""), .. Execute()];

    [Fact]
    public void A_name_that_the_pipeline_frees_and_gives_to_another_statement_stands_for_the_other_one()
    {
        var (talk, story) = Told(
            Parse("a", "select 1"), Sync, Run("deallocate a"), Parse("a", "insert into t values (3)"), Bind("", "a"), Execute(), Sync);
        Assert.Equal("1 ZI 1 2 C[DEALLOCATE] 1 2 C[INSERT 0 3] ZI", story);
        Assert.Equal(["select 1", "deallocate a", "insert into t values (3)"], Recorded(talk));
    }

    [Fact]
    public void A_name_that_SQL_prepares_anew_in_the_pipeline_stands_for_the_new_statement()
    {
        var (talk, story) = Told(
            Parse("a", "select 1"), Sync, Run("deallocate a"), Run("prepare a as insert into t values (12)"), Bind("", "a"), Execute(), Sync);
        Assert.Equal("1 ZI 1 2 C[DEALLOCATE] 1 2 C[PREPARE] 2 C[INSERT 0 12] ZI", story);
        Assert.Equal("prepare a as insert into t values (12)", Recorded(talk)[^1]);
        Assert.Equal("INSERT 0 12", talk.Witness.Results[^1].Tag);
    }

    [Fact]
    public void A_text_that_fails_halfway_leaves_no_name_that_stands_for_something_else()
    {
        var (_, story) = Told(
            Parse("a", "select 1"), Sync, Query("deallocate a; prepare a as insert into t values (3); select 4/0"), Bind("", "a"), Execute(), Sync);
        Assert.Equal("1 ZI C[DEALLOCATE] C[PREPARE] E22012 ZI E26000 ZI", story);
    }

    [Fact]
    public void After_a_text_that_failed_halfway_a_freed_name_can_be_used_again()
    {
        var (talk, story) = Told(
            Parse("a", "select 1"), Sync, Query("deallocate a; select 4/0"), Parse("a", "insert into t values (3)"), Bind("", "a"), Execute(), Sync);
        Assert.Equal("1 ZI C[DEALLOCATE] E22012 ZI 1 2 C[INSERT 0 3] ZI", story);
        Assert.Equal("insert into t values (3)", Recorded(talk)[^1]);
    }

    [Fact]
    public void Names_that_EXECUTE_changes_by_a_prepared_DEALLOCATE_are_not_known_any_more()
    {
        var (_, story) = Told(
            Parse("a", "select 1"), Parse("b", "deallocate a"), Parse("c", "prepare a as insert into t values (3)"), Sync, Query("execute b; execute c"),
            Bind("", "a"), Execute(), Sync);
        Assert.Equal("1 1 1 ZI C[DEALLOCATE] C[PREPARE] ZI E26000 ZI", story);
    }

    [Fact]
    public void Names_that_the_server_would_cut_off_are_refused_because_two_of_them_are_one()
    {
        var (talk, story) = Told(
            Parse(Long, "select 1"), Sync, Parse(Long + "1", "insert into t values (3)"), Sync, Close('S', Long + "1"), Sync, Bind(Long + "1", Long), Sync,
            Describe('S', Long + "1"), Sync, Execute(Long + "1"), Sync, Bind("", Long), Execute(), Sync);
        Assert.Equal("1 ZI E42622 ZI E42622 ZI E42622 ZI E26000 ZI E34000 ZI 2 D D D C[SELECT 1] ZI", story);
        Assert.DoesNotContain("insert into t values (3)", Recorded(talk));
    }

    [Fact]
    public void What_was_bound_in_one_unit_and_runs_in_a_later_one_is_recorded_when_it_runs()
    {
        var (talk, _) = Told(
            Query("begin"), Parse("", "insert into t values (3)"), Bind("p", ""), Sync, Execute("p"), Sync);
        Assert.Equal(["begin", "insert into t values (3)", "insert into t values (3)"], Recorded(talk));
        Assert.Equal((3L, "completed", "INSERT 0 3"), (talk.Witness.Results[^1].Op, talk.Witness.Results[^1].Kind, talk.Witness.Results[^1].Tag));
    }

    [Fact]
    public void A_parse_whose_bind_never_comes_whole_does_not_reach_the_server_unrecorded()
    {
        var talk = new Talk();
        talk.Client(Parse("", "select 1"), Bind("", "")[..^1]);
        Assert.Empty(talk.TakeForServer());
        talk.Client([0]);
        Assert.Equal("P B", Story(talk.TakeForServer()));
        Assert.Equal(["select 1"], Recorded(talk));
    }

    [Fact]
    public void A_parse_whose_bind_will_not_be_recorded_is_recorded_by_itself()
    {
        var malformed = PgFrame.Of('B', [0, 0, 9]);
        foreach (var bind in new[] { malformed, Bind(Long + "1", ""), Bind("", "other") })
        {
            var (talk, _) = Told(Parse("", "select 1"), bind, Sync);
            Assert.Equal("prepare", talk.Witness.Operations[0].Protocol);
        }
        var full = new List<byte[]> { Query("begin"), Parse("s", "select 1") };
        full.AddRange(Enumerable.Range(0, PgNames.MostPortals).Select(i => Bind($"p{i}", "s")));
        var (crowded, story) = Told([.. full, Parse("", "select 2"), Bind("one more", ""), Sync]);
        Assert.EndsWith("1 E53400 ZE", story, StringComparison.Ordinal);
        Assert.Equal(("prepare", "select 2"), (crowded.Witness.Operations[^1].Protocol, crowded.Witness.Operations[^1].Text));
    }

    [Fact]
    public void What_is_refused_for_want_of_room_is_not_recorded_as_done()
    {
        var many = Enumerable.Range(0, PgNames.MostStatements).Select(i => Parse($"s{i}", "select 1"));
        var (talk, story) = Told([.. many, Sync, Parse("more", "select 2"), Sync]);
        Assert.EndsWith("ZI E53400 ZI", story, StringComparison.Ordinal);
        Assert.DoesNotContain("select 2", Recorded(talk));
    }

    [Fact]
    public void A_session_keeps_a_bounded_amount_of_text()
    {
        var names = new PgNames();
        var text = new PgText(new byte[1024 * 1024], new StatementFacts(["select"], 1));
        var kept = 0;
        for (var i = 0; names.HasRoomForStatement(Encoding.ASCII.GetBytes($"s{i}"), text); i++, kept++)
        {
            names.SetStatement(Encoding.ASCII.GetBytes($"s{i}"), text);
        }
        Assert.Equal(PgNames.MostTexts / text.Text.Length, kept);
        names.SetStatement("s0"u8, null);
        Assert.True(names.HasRoomForStatement("other"u8, text));
    }

    [Fact]
    public void What_a_failed_commit_takes_back_is_not_recorded_as_completed()
    {
        var talk = new Talk();
        talk.Client(Run("insert into t values (3)"), Sync);
        talk.Server(Answer('1'), Answer('2'), Complete("INSERT 0 3"), Error("23503", "violates a constraint that was deferred"), Ready('I'));
        Assert.Equal(("undone", "23503"), (talk.Witness.Results[0].Kind, talk.Witness.Results[0].Code));
    }

    [Fact]
    public void What_a_later_failure_in_the_unit_takes_back_is_not_recorded_as_completed()
    {
        var (talk, _) = Told(
            Run("insert into t values (1)"), Run("commit"), Run("insert into t values (2)"), Run("select 4/0"), Run("select 5"), Sync,
            Query("begin"), Run("insert into t values (6)"), Run("select 7/0"), Sync);
        Assert.Equal(
            ["completed I", "completed I", "undone I", "failed I", "completed T", "completed E", "failed E"],
            talk.Witness.Results.Where(r => r.Kind != "skipped").Select(r => $"{r.Kind} {r.Status}"));
    }

    [Fact]
    public void What_a_message_takes_back_that_is_no_operation_itself_is_not_recorded_as_completed()
    {
        var (talk, story) = Told(Run("insert into t values (3)"), Bind("", "nothing"), Sync);
        Assert.Equal("1 2 C[INSERT 0 3] E26000 ZI", story);
        Assert.Equal(("undone", "26000"), (talk.Witness.Results[0].Kind, talk.Witness.Results[0].Code));
    }

    [Fact]
    public void A_copy_that_failed_in_the_middle_of_a_message_leaves_nothing_for_the_next_ones_hash()
    {
        var talk = new Talk();
        talk.Client(Query("copy t from stdin")).Server(Answer('G', 0, 0, 0));
        var data = CopyData(new string('x', 100));
        talk.Client(data[..50]).Server(Error("22P04", "bad"), Ready('I')).Client(data[50..], CopyDone);
        talk.Client(Query("copy t from stdin")).Server(Answer('G', 0, 0, 0));
        talk.Client(CopyData("1\n"), CopyDone);
        Assert.Equal($"copy: done: 2 bytes, sha-256 {Convert.ToHexStringLower(SHA256.HashData("1\n"u8))}", talk.Witness.Facts[^1]);
    }

    [Fact]
    public void A_client_that_leaves_in_the_middle_of_a_message_gets_no_farewell_that_would_be_read_as_its_end()
    {
        var talk = new Talk();
        talk.Client(Parse("a", "insert into t values (3)"), Sync).Server(Answer('1'), Ready('I'));
        var bind = Bind("", "a", new byte[PgClientSide.LongestHeldBind]);
        talk.Client(bind[..^5]);
        Assert.Equal(Act.Kill, talk.Conversation.ClientEnded().Act);
        talk.Client(bind[^5..]);
        Assert.Equal(Act.Leave, talk.Conversation.ClientEnded().Act);
    }

    [Fact]
    public void A_block_that_the_pipeline_opens_is_a_block_to_the_judge()
    {
        var (talk, _) = Told(Run("begin"), Run("insert into t values (3)"), Sync, Run("commit"), Sync, Run("select 1"), Sync);
        Assert.Contains(("insert", true), talk.Witness.Judged);
        Assert.Equal(("select", false), talk.Witness.Judged[^1]);
    }

    [Fact]
    public void A_counted_write_never_ends_a_transaction_that_the_pipeline_may_have_opened()
    {
        byte[] said = [.. Run("begin"), .. Query("insert into t values (3)"), .. Sync, .. Query("rollback"), .. Query("insert into t values (3)")];
        var (_, server, story, forwarded) = Script.Play(said, int.MaxValue, eager: true, new Witness { MostWritten = 5 });
        Assert.Equal("1 2 C[BEGIN] E42501 ZE ZE C[ROLLBACK] ZI C[INSERT 0 3] ZI", story);
        Assert.Equal(["INSERT 0 3"], server.Lasting);
        Assert.Equal(1, forwarded.AsSpan().Count("commit"u8));
    }

    [Fact]
    public void What_cannot_be_recorded_does_not_reach_the_server()
    {
        var talk = new Talk();
        talk.Witness.IsFull = true;
        talk.Client(Query("select 1"));
        Assert.DoesNotContain("select 1", Encoding.UTF8.GetString(talk.TakeForServer()), StringComparison.Ordinal);
    }
}
