using AccessPlane.Contracts.Policy;
using Xunit;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>What holds whatever a client says, however it is cut into pieces, and whenever the server answers. A failure prints the shortest script.</summary>
public sealed class ConversationProperties
{
    [Fact]
    public void What_the_server_ran_is_what_the_record_says() => Script.Holds(Script.Any, steps =>
    {
        foreach (var eager in new[] { false, true })
        {
            var (talk, server, _, _) = Script.Play(Script.Bytes(steps), int.MaxValue, eager);
            // every statement has a number of its own, and its tag says it again; what is only parsed has a tag of the agent's
            foreach (var result in talk.Witness.Results.Where(r => r.Tag is not ("" or "PARSE")))
            {
                var text = talk.Witness.Operations[(int)result.Op - 1].Text;
                Assert.True(Fits(text, result.Tag), $"`{result.Tag}` was recorded for `{text}`");
            }
            foreach (var ran in server.Completed.GroupBy(t => t))
            {
                Assert.True(talk.Witness.Results.Count(r => r.Tag == ran.Key) >= ran.Count() || talk.IsOver, $"`{ran.Key}` ran and was not recorded");
            }
        }
        return true;
    });

    private static bool Fits(string text, string tag)
    {
        var number = tag.Split(' ')[^1];
        return text.StartsWith("execute", StringComparison.Ordinal) || (int.TryParse(number, out _) && !tag.StartsWith("COPY", StringComparison.Ordinal) && !tag.StartsWith("FETCH", StringComparison.Ordinal)
            ? text.Contains(number, StringComparison.Ordinal)
            : text.Contains(tag.Split(' ')[0], StringComparison.OrdinalIgnoreCase) || tag == "ROLLBACK");
    }

    [Fact]
    public void What_is_denied_never_runs() => Script.Holds(Script.Any, steps =>
    {
        var (_, server, _, forwarded) = Script.Play(Script.Bytes(steps), int.MaxValue, eager: true, "delete");
        Assert.DoesNotContain(server.Completed, tag => tag.StartsWith("DELETE", StringComparison.Ordinal));
        Assert.Equal(-1, forwarded.AsSpan().IndexOf("delete from"u8));
        return true;
    });

    [Fact]
    public void A_client_is_answered_as_the_server_itself_would_answer() => Script.Holds(Script.Followed, steps =>
    {
        var bytes = Script.Bytes(steps);
        var (server, expected) = Script.PlayDirectly(bytes);
        var (talk, _, story, _) = Script.Play(bytes, int.MaxValue, eager: true);
        if (!server.HasEnded)
        {
            Assert.Null(talk.State.Broken);
            Assert.Equal(expected, story);
        }
        return true;
    });

    [Fact]
    public void Whose_rows_are_recorded_is_answered_no_otherwise_and_every_row_is_kept_or_counted() => Script.Holds(Script.Followed, steps =>
    {
        var bytes = Script.Bytes(steps);
        var (server, expected) = Script.PlayDirectly(bytes);
        foreach (var piece in new[] { 7, int.MaxValue })
        {
            var (talk, _, story, _) = Script.Play(bytes, piece, eager: true, new Witness { RecordRows = new RecordedRows(2, 64) });
            if (!server.HasEnded)
            {
                Assert.Equal(expected, story);
                Assert.Equal(story.Split(' ').Count(m => m is "D" or "d"), talk.Witness.Rows.Sum(r => (r.Values?.Count ?? 0) + (r.RowsOmitted ?? 0)));
            }
            Assert.All(talk.Witness.Rows.GroupBy(r => r.Op), op => Assert.InRange(op.Sum(r => r.Values?.Count ?? 0), 0, 2));
        }
        return true;
    });

    /// <summary>The server says nothing of the transaction between ROLLBACK and Sync, and looks for names again.</summary>
    [Fact]
    public void A_name_nobody_made_is_answered_the_same_when_a_failed_transaction_was_ended_before_sync()
    {
        byte[] bytes = [.. Frames.Query("begin"), .. Frames.Query("select 5/0"), .. Frames.Parse("", "rollback"), .. Frames.Bind("", ""), .. Frames.Execute(""), .. Frames.Query("fetch a")];
        Assert.Equal("C[BEGIN] ZT E22012 ZE 1 2 C[ROLLBACK] E34000 ZI", Script.PlayDirectly(bytes).Story);
        Assert.Equal("C[BEGIN] ZT E22012 ZE 1 2 C[ROLLBACK] E34000 ZI", Script.Play(bytes, int.MaxValue, eager: true).Story);
    }

    [Fact]
    public void However_it_is_cut_into_pieces_the_same_is_forwarded_recorded_and_answered() => Script.Holds(Script.Any, steps =>
    {
        var bytes = Script.Bytes(steps);
        var whole = Script.Play(bytes, int.MaxValue, eager: false, "delete");
        foreach (var piece in new[] { 1, 2, 3, 7, 19 })
        {
            var (talk, _, story, forwarded) = Script.Play(bytes, piece, eager: false, "delete");
            Assert.Equal(Script.Plain(whole.Forwarded), Script.Plain(forwarded));
            Assert.Equal(whole.Story, story);
            Assert.Equal(whole.Talk.Witness.Operations, talk.Witness.Operations);
            Assert.Equal(whole.Talk.Witness.Results, talk.Witness.Results);
        }
        return true;
    }, runs: 200);

    /// <summary>The properties would say nothing if the random scripts never came to what they are about.</summary>
    [Fact]
    public void The_random_scripts_come_to_everything_that_matters()
    {
        string[] matters =
        [
            "1", "2", "3", "T", "t", "n", "D", "s", "I", "G", "H", "d", "c", "ZI", "ZT", "ZE", "E42601", "E42P05", "E42P03", "E26000", "E34000", "E25P02", "E22012",
            "E22P04", "E57014", "E55000", "E25P01", "E42501", "completed", "failed", "refused", "skipped", "cancelled",
        ];
        var missing = matters.ToHashSet();
        for (var tries = 0; tries < 20 && missing.Count > 0; tries++)
        {
            foreach (var steps in FsCheck.Fluent.Gen.Sample(Script.Any.Generator, 300, 40))
            {
                var (talk, _, story, _) = Script.Play(Script.Bytes(steps), int.MaxValue, eager: true, "delete");
                missing.ExceptWith(story.Split(' '));
                missing.ExceptWith(talk.Witness.Results.Select(r => r.Kind));
            }
        }
        Assert.Empty(missing);
    }
}
