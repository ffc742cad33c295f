using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.Tests.Unit.Masking;
using Xunit;
using static AccessPlane.Tests.Unit.Wire.Frames;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>What is recorded of rows: what the client got, as it got it, up to a bound, and the rest counted.</summary>
public sealed class SeenRowsTests
{
    private const int Word = 25, Number = 23;
    private static readonly byte[] IdAndName = Columns(("id", Number), ("name", Word));

    private static Talk Talk(int most = 100, int bytes = 1024) => new(new Witness { RecordRows = new RecordedRows(most, bytes) });

    /// <summary>`1: id name [1|Ada] [2|null] +3 rows of 40`: the operation, its columns, its rows, and what was left out.</summary>
    private static string Told(TranscriptEntry entry) => string.Join(' ',
    [
        $"{entry.Op}:", .. entry.Columns?.Select(c => c.Name) ?? [], .. entry.Values?.Select(r => $"[{string.Join('|', r.Select(v => v.ValueKind == JsonValueKind.String ? v.GetString() : v.GetRawText()))}]") ?? [],
        .. entry.RowsOmitted is { } rows ? (string[])[$"+{rows} rows of {entry.BytesOmitted}"] : [],
    ]);

    private static string[] Told(Talk talk) => [.. talk.Witness.Rows.Select(Told)];

    [Fact]
    public void Rows_are_recorded_as_they_were_sent_however_the_bytes_are_cut()
    {
        byte[] answer = [.. IdAndName, .. Row("1", "Ada"), .. Row("2", null), .. Complete("SELECT 2"), .. Ready('I')];
        for (var cut = 0; cut <= answer.Length; cut++)
        {
            var talk = Talk().Client(Query("select 1")).Server(answer[..cut]).Server(answer[cut..]);
            Assert.Equal(answer, talk.TakeForClient());
            Assert.Equal(["1: id name [1|Ada] [2|null]"], Told(talk));
            Assert.Equal([new SeenColumn("id", Number), new SeenColumn("name", Word)], talk.Witness.Rows[0].Columns!);
        }
        var slowly = Talk().Client(Query("select 1"));
        foreach (var one in answer)
        {
            slowly.Server([one]);
        }
        Assert.Equal(["1: id name [1|Ada] [2|null]"], Told(slowly));
    }

    [Fact]
    public void Without_a_word_in_the_policy_nothing_is_recorded_and_nothing_more_is_asked()
    {
        var talk = new Talk().Client(Parse("", "select 1"), Bind("", ""), Execute(), Sync);
        Assert.Equal("P B E S", Story(talk.TakeForServer()));
        talk.Server(Answer('1'), Answer('2'), Row("1", "Ada"), Complete("SELECT 1"), Ready('I'));
        Assert.Empty(talk.Witness.Rows);
    }

    [Fact]
    public void In_the_extended_protocol_the_agent_asks_for_the_columns_and_the_client_does_not_hear_of_it()
    {
        var talk = Talk().Client(Parse("", "select 1"), Bind("", ""), Execute("", 1), Execute(), Sync);
        Assert.Equal("P B D E D E S", Story(talk.TakeForServer()));
        talk.Server(
            Answer('1'), Answer('2'), IdAndName, Row("1", "Ada"), Answer('s'), Columns(("id*", Number), ("name", Word)), RowOf([0, 0, 0, 2], "Bo"u8.ToArray()),
            Complete("SELECT 1"), Ready('I'));
        Assert.Equal("1 2 D s D C[SELECT 1] ZI", Story(talk.TakeForClient()));
        Assert.Equal(["1: id name [1|Ada]", """2: id name [{"base64":"AAAAAg=="}|Bo]"""], Told(talk));
    }

    [Fact]
    public void What_is_beyond_the_bound_is_counted()
    {
        var talk = Talk(most: 2).Client(Query("select 1"))
            .Server(IdAndName, Row("1", "Ada"), Row("2", "Bo"), Row("3", "Cy"), Row("4", "Di"), Complete("SELECT 4"), Ready('I'));
        Assert.Equal(["1: id name [1|Ada] [2|Bo]", "1: +2 rows of 26"], Told(talk));
    }

    [Fact]
    public void From_the_first_row_that_is_too_large_none_is_kept_and_its_size_is_told()
    {
        var large = new string('x', 5_000);
        byte[] answer = [.. IdAndName, .. Row("1", "Ada"), .. Row("2", large), .. Row("3", "Cy"), .. Complete("SELECT 3"), .. Ready('I')];
        var talk = Talk().Client(Query("select 1")).Server(answer[..2_000]).Server(answer[2_000..]);
        Assert.Equal(answer, talk.TakeForClient());
        Assert.Equal(["1: id name [1|Ada]", $"1: +2 rows of {2 + 8 + 1 + large.Length + 2 + 8 + 3}"], Told(talk));
    }

    [Fact]
    public void What_is_kept_is_recorded_with_the_first_row_that_is_not_whenever_the_client_takes_the_rest()
    {
        var talk = Talk(most: 2).Client(Query("select 1")).Server(IdAndName, Row("1", "Ada"), Row("2", "Bo"));
        Assert.Empty(Told(talk));
        byte[] next = Row("3", "Cy");
        talk.Server(next[..8]);
        Assert.Equal(["1: id name [1|Ada] [2|Bo]"], Told(talk));
        talk.Server(next[8..], Row("4", "Di"));
        talk.State.Operations.Abandon();
        Assert.Equal(["1: id name [1|Ada] [2|Bo]", "1: +2 rows of 26"], Told(talk));
    }

    [Fact]
    public void Several_results_of_one_text_have_one_bound()
    {
        var talk = Talk(most: 3).Client(Query("select 1; select 2; select 3")).Server(
            IdAndName, Row("1", "Ada"), Row("2", "Bo"), Complete("SELECT 2"), Columns(("n", Number)), Row("1"), Row("2"), Complete("SELECT 2"),
            Columns(("n", Number)), Row("1"), Complete("SELECT 1"), Ready('I'));
        Assert.Equal(["1: id name [1|Ada] [2|Bo]", "1: n [1]", "1: +2 rows of 14"], Told(talk));
    }

    [Fact]
    public void Where_the_record_had_no_room_for_rows_none_behind_them_is_kept_of_that_operation()
    {
        var talk = Talk().Client(Query("select 1; select 2"));
        talk.Witness.IsFull = true;
        talk.Server(IdAndName, Row("1", "Ada"), Complete("SELECT 1"));
        talk.Witness.IsFull = false;
        talk.Server(Columns(("n", Number)), Row("1"), Complete("SELECT 1"), Ready('I'));
        talk.Client(Query("select 3")).Server(Columns(("n", Number)), Row("1"), Complete("SELECT 1"), Ready('I'));
        Assert.Equal(["1: +1 rows of 14", "1: +1 rows of 7", "2: n [1]"], Told(talk));
    }

    [Fact]
    public void Names_of_columns_are_within_the_bound()
    {
        var talk = Talk(bytes: 100).Client(Query("select 1")).Server(Columns((new string('n', 90), Number)), Row("1"), Complete("SELECT 1"), Ready('I'));
        Assert.Equal(["1: +1 rows of 7"], Told(talk));
    }

    [Fact]
    public void Rows_that_a_limit_keeps_from_the_client_are_not_recorded()
    {
        var talk = Talk();
        talk.Witness.Limits = new SessionLimits(Rows: new Limit<long>(1, "few"));
        talk.Client(Query("select 1")).Server(IdAndName, Row("1", "Ada"), Row("2", "Bo"), Row("3", "Cy"), Complete("SELECT 3"), Ready('I'));
        Assert.Equal("T D E54000 ZI", Story(talk.TakeForClient()));
        Assert.Equal(["1: id name [1|Ada]"], Told(talk));
    }

    [Fact]
    public void Rows_that_came_before_an_error_were_seen_and_come_before_its_result()
    {
        var talk = Talk().Client(Query("select 1")).Server(IdAndName, Row("1", "Ada"), Error("22012", "division by zero"), Ready('I'));
        Assert.Equal(["1: id name [1|Ada]"], Told(talk));
        Assert.Equal("failed", talk.Witness.Results.Single().Kind);
    }

    [Fact]
    public void After_the_cut_nothing_is_recorded_that_no_client_gets()
    {
        byte[] half = Row("2", "Bo");
        var talk = Talk().Client(Query("select 1")).Server(IdAndName, Row("1", "Ada"), half[..9]);
        talk.State.Operations.Abandon();
        talk.Conversation.Drained([.. half[9..], .. Row("3", "Cy"), .. Complete("SELECT 3"), .. Ready('I')]);
        Assert.Equal(["1: id name [1|Ada] +1 rows of 13"], Told(talk));
        Assert.Equal("unknown", talk.Witness.Results.Single().Kind);
    }

    [Fact]
    public void Where_the_client_vanished_the_rest_is_answered_to_nobody_and_not_recorded()
    {
        var talk = Talk().Client(Query("select 1")).Server(IdAndName, Row("1", "Ada"));
        talk.Conversation.Drained([.. Row("2", "Bo"), .. Complete("SELECT 2"), .. Ready('I')]);
        Assert.Equal(["1: id name [1|Ada]"], Told(talk));
        Assert.Equal("completed", talk.Witness.Results.Single().Kind);
    }

    [Theory]
    [InlineData(0, "[1\tAda\n] [2\tBo\n]")]
    [InlineData(1, """[{"bytes":"1\tAda\n"}] [{"bytes":"2\tBo\n"}]""")]
    public void Of_COPY_each_piece_is_a_row(byte format, string rows)
    {
        var talk = Talk().Client(Query("copy t to stdout")).Server(
            Answer('H', format, 0, 0), CopyData("1\tAda\n"), CopyData("2\tBo\n"), CopyDone, Complete("COPY 2"), Ready('I'));
        Assert.Equal([$"1: {rows}"], Told(talk));
        Assert.Null(talk.Witness.Rows[0].Columns);
    }

    [Fact]
    public void A_row_without_columns_is_a_row_and_one_that_does_not_add_up_is_recorded_all_the_same()
    {
        var lying = Row("abc", "d");
        BinaryPrimitives.WriteInt32BigEndian(lying.AsSpan(7), 3_000);
        var talk = Talk().Client(Query("select 1")).Server(Columns(), Row(), Row(), Complete("SELECT 2"), Ready('I'))
            .Client(Query("select 2")).Server(IdAndName, lying, Complete("SELECT 1"), Ready('I'));
        Assert.Empty(talk.Witness.Rows[0].Columns!); // COPY data has none at all
        Assert.Equal(["1: [] []", """2: id name [{"base64":"AAALuGFiYwAAAAFk"}]"""], Told(talk));
    }

    [Fact]
    public void A_description_that_lies_leaves_rows_that_are_counted()
    {
        var talk = Talk().Client(Query("select 1")).Server(PgFrame.Of('T', [0, 9, (byte)'n', 0]), Row("1"), Complete("SELECT 1"), Ready('I'));
        Assert.Equal(["1: +1 rows of 7"], Told(talk));
        talk.Client(Query("select 2")).Server(Row("1"), Complete("SELECT 1"), Ready('I'));
        Assert.Equal(["1: +1 rows of 7", "2: +1 rows of 7"], Told(talk));
    }

    [Fact]
    public void What_masks_hide_is_hidden_in_the_record_too()
    {
        byte[] answer =
        [
            .. Shown(("id", 1, Number), ("ssn", 4, Word), ("card", 5, Word), ("name", 2, Word)), .. Row("1", "900-11-2233", "4929000011112222", "Zoe"),
            .. Row("2", null, null, null), .. Complete("SELECT 2"), .. Ready('I'),
        ];
        for (var cut = 0; cut <= answer.Length; cut += 3)
        {
            var talk = new Talk(Shop.Catalog, new Witness { RecordRows = new RecordedRows(10, 1024), Masks = Shop.Masks });
            talk.Client(Query("select id, ssn, card, name from customers")).Server(answer[..cut]).Server(answer[cut..]);
            Assert.Equal(["1: id ssn card name [1|[redacted]|********2222|Zoe] [2|[redacted]|null|null]"], Told(talk));
        }
    }

    [Fact]
    public void What_detectors_find_is_hidden_in_the_record_too()
    {
        var words = new MaskRule("words", "orders", [], [Detector.Email], MaskWith.Redact, null, Inference.Allow);
        Talk Masked() => new(Shop.Catalog, new Witness { RecordRows = new RecordedRows(10, 1 << 20), Masks = [words] });
        var talk = Masked().Client(Query("select txt from pub")).Server(
            Shown(("txt", 2, Word)), Row("write a@b.de"), Row(new string('x', 70_000)), Row("fine"), Complete("SELECT 3"), Ready('I'));
        Assert.Equal([$"1: txt [write ******] [{new string('*', 70_000)}] [fine]"], Told(talk));
        talk = Masked().Client(Query("copy pub to stdout")).Server(Answer('H', 0, 0, 0), CopyData("a@b.de\n"), CopyDone, Complete("COPY 1"), Ready('I'));
        Assert.Equal(["1: [******\n]"], Told(talk));
    }

    /// <summary>Columns of the first relation of the shop.</summary>
    private static byte[] Shown(params (string Name, byte Number, int Type)[] columns) => PgFrame.Of('T',
    [
        0, (byte)columns.Length,
        .. columns.SelectMany(c => (byte[])[.. Encoding.UTF8.GetBytes(c.Name), 0, 0, 0, 0, 1, 0, c.Number, .. Int32(c.Type), 0, 4, 255, 255, 255, 255, 0, 0]),
    ]);
}
