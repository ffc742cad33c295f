using System.Buffers.Binary;
using System.Text;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Unit.Wire;
using Xunit;

namespace AccessPlane.Tests.Unit.Masking;

/// <summary>A conversation under masks: what the client gets of what the server says, however the bytes are cut.</summary>
public sealed class RedactionTests
{
    private const string Secret = "900-11-2233";
    private const uint Text = 25, Int = 23;

    private static readonly MaskRule Words =
        new("words", "orders", [], [Detector.Email, Detector.PaymentCard], MaskWith.Redact, null, Inference.Allow);

    private static Talk Talk(params MaskRule[] more)
    {
        var talk = new Talk(Shop.Catalog);
        talk.Witness.Masks = [.. Shop.Masks, .. more];
        return talk;
    }

    private static byte[] Columns(params (string Name, uint Table, short Number, uint Type)[] columns) => Frames.Answer('T',
    [
        0, (byte)columns.Length,
        .. columns.SelectMany(c => (byte[])[.. Encoding.UTF8.GetBytes(c.Name), 0, .. Frames.Int32((int)c.Table), (byte)(c.Number >> 8), (byte)c.Number,
            .. Frames.Int32((int)c.Type), 0, 4, 255, 255, 255, 255, 0, 0]),
    ]);

    private static byte[] Row(params string?[] values) => Frames.Row(values);

    /// <summary>What the client got: `T D[1|null] C Z`.</summary>
    private static string Story(byte[] bytes)
    {
        var story = new List<string>();
        for (var at = 0; at < bytes.Length;)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(at + 1));
            var body = bytes.AsSpan(at + 5, length - 4).ToArray();
            story.Add((char)bytes[at] switch
            {
                'D' => $"D[{string.Join('|', Values(body))}]",
                'E' => $"E[{Encoding.UTF8.GetString(PgError.Field(body, 'C'))}]",
                var type => type.ToString(),
            });
            at += length + 1;
        }
        return string.Join(' ', story);
    }

    private static IEnumerable<string> Values(byte[] row)
    {
        var at = 2;
        for (var i = 0; i < BinaryPrimitives.ReadInt16BigEndian(row); i++)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(row.AsSpan(at));
            yield return length < 0 ? "null" : Encoding.UTF8.GetString(row, at + 4, length);
            at += 4 + Math.Max(length, 0);
        }
        Assert.Equal(row.Length, at);
    }

    [Fact]
    public void Masked_columns_are_rewritten_however_the_bytes_are_cut()
    {
        byte[] answer =
        [
            .. Columns(("id", 1, 1, Int), ("ssn", 1, 4, Text), ("card", 1, 5, Text), ("salary", 1, 6, Int), ("name", 1, 2, Text)),
            .. Row("1", Secret, "4929000011112222", "771177", "Zoe"), .. Row("2", null, null, null, null), .. Frames.Complete("SELECT 2"), .. Frames.Ready('I'),
        ];
        var talk = Talk();
        for (var cut = 0; cut <= answer.Length; cut++)
        {
            talk.Client(Frames.Query("select id, ssn, card, salary, name from customers")).Server(answer[..cut]).Server(answer[cut..]);
            Assert.Equal("T D[1|[redacted]|********2222|null|Zoe] D[2|[redacted]|null|null|null] C Z", Story(talk.TakeForClient()));
            Assert.False(talk.IsOver);
        }
        talk.Client(Frames.Query("select id, ssn, card, salary, name from customers"));
        foreach (var b in answer)
        {
            talk.Server([b]);
        }
        Assert.Equal("T D[1|[redacted]|********2222|null|Zoe] D[2|[redacted]|null|null|null] C Z", Story(talk.TakeForClient()));
    }

    [Fact]
    public void A_value_has_the_same_hash_under_the_same_key_and_rule_and_another_one_else()
    {
        string Hashed(byte key, string rule)
        {
            var talk = new Talk(Shop.Catalog);
            talk.Witness.Masks = [Shop.Rule(rule, new MaskWith(MaskKind.Hash), "shop.customers.ssn")];
            talk.Witness.MaskKey = [.. Enumerable.Repeat(key, 32)];
            talk.Client(Frames.Query("select ssn from customers")).Server(Columns(("ssn", 1, 4, Text)), Row(Secret), Frames.Complete("SELECT 1"), Frames.Ready('I'));
            return Story(talk.TakeForClient());
        }

        Assert.Equal(Hashed(1, "a"), Hashed(1, "a"));
        Assert.Equal(3, new[] { Hashed(1, "a"), Hashed(2, "a"), Hashed(1, "b") }.Distinct().Count());
    }

    [Fact]
    public void Detectors_hide_in_place_and_are_told_once_for_each_column()
    {
        byte[] answer =
        [
            .. Columns(("txt", 3, 2, Text), ("n", 3, 3, Int), ("more", 3, 2, Text)),
            .. Row("write a@b.de", "4111111111111111", "4111111111111111"), .. Row("c@d.org", "1", new string('x', 70_000)), .. Row(null, null, "fine"),
            .. Frames.Complete("SELECT 3"), .. Frames.Ready('I'),
        ];
        var expected = $"T D[write ******|4111111111111111|****************] D[*******|1|{new string('*', 70_000)}] D[null|null|fine] C Z";
        foreach (var cut in new[] { 0, 1, 7, 60, 100, 120, 150, 190, 200, 1000, 65_000, answer.Length - 20 })
        {
            var talk = Talk(Words).Client(Frames.Query("select txt, n, txt as more from pub"));
            talk.Server(answer[..cut]).Server(answer[cut..]);
            Assert.Equal(expected, Story(talk.TakeForClient()));
            Assert.Equal(["1 words Email txt 2", "1 words PaymentCard more 2"], talk.Witness.Detections);
        }
    }

    [Fact]
    public void Without_a_describe_of_the_clients_one_is_asked_and_its_answer_is_kept_back()
    {
        var talk = Talk().Client(Frames.Parse("", "select ssn from customers"), Frames.Bind("", ""), Frames.Execute(), Frames.Sync);
        var sent = Encoding.UTF8.GetString(talk.TakeForServer());
        Assert.Equal("PBDES", string.Concat(Types(Encoding.UTF8.GetBytes(sent))));
        talk.Server(Frames.Answer('1'), Frames.Answer('2'), Columns(("ssn", 1, 4, Text)), Row(Secret), Frames.Complete("SELECT 1"), Frames.Ready('I'));
        Assert.Equal("1 2 D[[redacted]] C Z", Story(talk.TakeForClient()));
    }

    [Fact]
    public void A_portal_is_described_once_and_remembered_while_another_runs_in_between()
    {
        var talk = Talk().Client(
            Frames.Parse("a", "select ssn from customers"), Frames.Parse("b", "select txt from pub"), Frames.Bind("pa", "a"), Frames.Bind("pb", "b"),
            Frames.Describe('P', "pb"), Frames.Execute("pa", 1), Frames.Execute("pb", 1), Frames.Execute("pa", 1), Frames.Sync);
        talk.Server(
            Frames.Answer('1'), Frames.Answer('1'), Frames.Answer('2'), Frames.Answer('2'), Columns(("txt", 3, 2, Text)),
            Columns(("ssn", 1, 4, Text)), Row(Secret), Frames.Answer('s'),
            Columns(("txt", 3, 2, Text)), Row("p1"), Frames.Answer('s'));
        talk.Server(talk.State.Unanswered[0].IsInjected ? Columns(("ssn", 1, 4, Text)) : [], Row(Secret), Frames.Answer('s'), Frames.Ready('I'));
        Assert.Equal("1 1 2 2 T D[[redacted]] s D[p1] s D[[redacted]] s Z", Story(talk.TakeForClient()));
    }

    [Fact]
    public void Where_the_server_describes_a_masked_column_that_the_text_does_not_show_nothing_passes()
    {
        var talk = Talk().Client(Frames.Query("select txt from pub"));
        talk.Server(Columns(("txt", 1, 4, Text)), Row(Secret), Frames.Complete("SELECT 1"), Frames.Ready('I'));
        Assert.Equal("E[42501] Z", Story(talk.TakeForClient()));
        Assert.Equal(1, talk.Witness.Stops);
    }

    /// <summary>Somebody made the table anew, or the column, since the catalog was read: where the text knew a masked one there is something else now.</summary>
    [Theory]
    [InlineData(99, 1)]
    [InlineData(1, 99)]
    public void What_is_newer_than_the_catalog_does_not_pass_beside_masked_columns(int table, int column)
    {
        var (relation, number) = ((uint)table, (short)column);
        var talk = Talk().Client(Frames.Query("select id, ssn from customers"));
        talk.Server(Columns(("id", relation, number, Text), ("ssn", relation, 2, Text)), Row(Secret, "1"), Frames.Complete("SELECT 1"), Frames.Ready('I'));
        Assert.Equal("E[42501] Z", Story(talk.TakeForClient()));
        talk = Talk().Client(Frames.Query("select txt from pub")); // nothing is masked there
        talk.Server(Columns(("txt", relation, number, Text)), Row("p1"), Frames.Complete("SELECT 1"), Frames.Ready('I'));
        Assert.Equal("T D[p1] C Z", Story(talk.TakeForClient()));
    }

    [Fact]
    public void Where_the_columns_are_others_than_the_texts_nothing_passes()
    {
        var talk = Talk().Client(Frames.Query("select ssn from customers"));
        talk.Server(Columns(("id", 1, 1, Int), ("ssn", 1, 4, Text)), Row("1", Secret), Frames.Complete("SELECT 1"), Frames.Ready('I'));
        Assert.Equal("E[42501] Z", Story(talk.TakeForClient()));
    }

    [Fact]
    public void Words_of_the_server_are_withheld_where_they_could_show_a_value()
    {
        var talk = Talk().Client(Frames.Query("select id from customers"));
        talk.Server(Frames.Answer('N', [.. "SNOTICE\0C00000\0M"u8, .. Encoding.UTF8.GetBytes(Secret), 0, 0]), Frames.Error("22P02", $"invalid input: {Secret}"), Frames.Ready('I'));
        var told = talk.TakeForClient();
        Assert.Equal("E[22P02] Z", Story(told));
        Assert.DoesNotContain(Secret, Encoding.UTF8.GetString(told), StringComparison.Ordinal);
        talk.Client(Frames.Query("select txt from pub"));
        talk.Server(Frames.Error("22P02", "invalid input: x"), Frames.Ready('I'));
        Assert.Contains("invalid input: x", Encoding.UTF8.GetString(talk.TakeForClient()), StringComparison.Ordinal);
    }

    [Fact]
    public void What_fails_at_the_end_of_a_transaction_is_withheld_too()
    {
        var talk = Talk().Client(Frames.Query("begin")).Server(Frames.Complete("BEGIN"), Frames.Ready('T'));
        talk.Client(Frames.Query("update customers set card = 'x'")).Server(Frames.Complete("UPDATE 1"), Frames.Ready('T'));
        talk.TakeForClient();
        talk.Client(Frames.Query("commit")).Server(Frames.Error("23503", Secret), Frames.Ready('I'));
        Assert.DoesNotContain(Secret, Encoding.UTF8.GetString(talk.TakeForClient()), StringComparison.Ordinal);
        talk.Client(Frames.Query("commit")).Server(Frames.Error("25P01", "no transaction"), Frames.Ready('I'));
        Assert.Contains("no transaction", Encoding.UTF8.GetString(talk.TakeForClient()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_statement_of_the_protocol_that_shows_masked_columns_cannot_be_run_by_name_in_sql()
    {
        var talk = Talk().Client(Frames.Parse("a", "select ssn from customers"), Frames.Sync);
        talk.Server(Frames.Answer('1'), Frames.Ready('I'));
        talk.TakeForServer();
        talk.Client(Frames.Query("execute a"));
        Assert.Contains("accessplane_refused", Encoding.UTF8.GetString(talk.TakeForServer()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_row_whose_masked_column_lies_behind_too_much_is_cut_off_and_one_before_it_streams()
    {
        var large = new string('n', 3 * 1024 * 1024);
        var talk = Talk().Client(Frames.Query("select name, ssn from customers"));
        talk.Server(Columns(("name", 1, 2, Text), ("ssn", 1, 4, Text)), Row(large, Secret), Frames.Complete("SELECT 1"), Frames.Ready('I'));
        Assert.Equal("T E[42501] Z", Story(talk.TakeForClient()));
        talk = Talk().Client(Frames.Query("select ssn, name from customers"));
        talk.Server(Columns(("ssn", 1, 4, Text), ("name", 1, 2, Text)), Row(Secret, large), Frames.Complete("SELECT 1"), Frames.Ready('I'));
        Assert.Equal($"T D[[redacted]|{large}] C Z", Story(talk.TakeForClient()));
    }

    [Fact]
    public void Rows_that_lie_about_their_length_end_the_session()
    {
        foreach (var row in new[] { Frames.Answer('D', 0, 1, 0, 0, 0, 9, 65), Frames.Answer('D', 0, 2, 0, 0, 0, 1, 65), Frames.Answer('D', 0, 1, 0, 0, 0, 1, 65, 66), Frames.Answer('D', 0, 1) })
        {
            foreach (var sql in new[] { "select ssn from customers", "select txt from pub" })
            {
                var talk = Talk(Words).Client(Frames.Query(sql));
                talk.Server(Columns(("x", 0, 0, Text)), row, Frames.Complete("SELECT 1"), Frames.Ready('I'));
                Assert.True(talk.IsOver, sql);
            }
        }
    }

    [Fact]
    public void Copied_data_is_looked_into()
    {
        var talk = Talk(Words).Client(Frames.Query("copy pub to stdout"));
        talk.Server(Frames.Answer('H', 0, 0, 1, 0, 0), Frames.Answer('d', "1\ta@b.de\n"u8.ToArray()), Frames.Answer('d', "2\tx\n"u8.ToArray()), Frames.CopyDone, Frames.Complete("COPY 2"), Frames.Ready('I'));
        var told = Encoding.UTF8.GetString(talk.TakeForClient());
        Assert.Contains("1\t******\n", told, StringComparison.Ordinal);
        Assert.Contains("2\tx\n", told, StringComparison.Ordinal);
    }

    private static IEnumerable<char> Types(byte[] frames)
    {
        for (var at = 0; at < frames.Length; at += 1 + BinaryPrimitives.ReadInt32BigEndian(frames.AsSpan(at + 1)))
        {
            yield return (char)frames[at];
        }
    }
}
