using System.Text;
using System.Text.Json;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts.Sql;
using Xunit;

namespace AccessPlane.Tests.Unit.Sql;

/// <summary>Texts that differ in numbers alone share what is known of them, where the numbers do not matter and only there.</summary>
public sealed class ShapeTests : IDisposable
{
    private static readonly int[] Others = [1, 2, 3, 40, 999_999_999];

    private readonly PgParser lanes = new(TimeProvider.System);
    private readonly PgCatalog shop = new FactsOf().Catalog;

    public void Dispose() => lanes.Dispose();

    [Theory]
    [InlineData("select n from pub where id = 5", "select n from pub where id = ·")]
    [InlineData("select n from pub where id in (5,6,-7)", "select n from pub where id in (·,·,-·)")]
    [InlineData("select a[5], 5::text", "select a[·], ·::text")]
    [InlineData("select t5, _5, \"5\", '5', 5", "select t5, _5, \"5\", '5', ·")]
    [InlineData("select 'it''s 5', 6", "select 'it''s 5', ·")]
    [InlineData("select 5.6, .5, 5., 5e6, 0x5, 5_0, 7", "select 5.6, .5, 5., 5e6, 0x5, 5_0, ·")]
    [InlineData("select 0, 00, 1000000000, 8", "select 0, 00, 1000000000, ·")]
    [InlineData("select 5'x', 5\"x\", 9", "select 5'x', 5\"x\", ·")]
    [InlineData("select n from pub", "")]
    [InlineData("select 5 -- it's", "")]
    [InlineData("select 5 /* ' */", "")]
    [InlineData("select $1, 5", "")]
    [InlineData("select $$ 5 $$, 5", "")]
    [InlineData("select e'\\'', 5, '", "")]
    [InlineData("select 'never closed, 5", "")]
    [InlineData("select é5, 5", "")]
    [InlineData("select n::FLOAT(5) from pub", "")]
    public void A_shape_leaves_out_whole_integers_and_nothing_else(string text, string shape) =>
        Assert.Equal(shape, Shape(text) is { Length: > 0 } bytes ? Encoding.UTF8.GetString(bytes).Replace('\x1', '·') : "");

    [Fact]
    public void What_was_read_once_is_known_of_every_text_of_its_shape()
    {
        var knowledge = new PgKnowledge(shop, lanes);
        var read = knowledge.ReadSmall("select txt from pub where id = 5"u8)!;
        var alike = knowledge.Find("select txt from pub where id = 66"u8)!;
        Assert.Same(read.Facts, alike.Facts);
        Assert.Equal("select txt from pub where id = 66"u8, alike.Text);
        Assert.Null(knowledge.Find("select txt from pub where id = 0"u8));
        Assert.Null(knowledge.Find("select txt from pub where  id = 66"u8));
        Assert.Null(new PgKnowledge(shop, lanes).Find("select txt from pub where id = 66"u8));
    }

    [Theory]
    [InlineData("select id, ssn from customers order by 1", "select id, ssn from customers order by 2")]
    [InlineData("select ssn, count(*) from customers group by 1", "select ssn, count(*) from customers group by 2")]
    [InlineData("delete from pub where 5 = 6", "delete from pub where 5 = 5")]
    [InlineData("update pub set n = 5 where id = 6 or 7 > 8", "update pub set n = 5 where id = 6 or 8 > 7")]
    [InlineData("select txt from shop.pub where id = 5", "select txt from shop.pub where id = 1234")]
    public void Where_numbers_matter_every_text_is_read(string text, string other)
    {
        var knowledge = new PgKnowledge(shop, lanes);
        Assert.Equal(Shape(text), Shape(other));
        Assert.NotNull(knowledge.ReadSmall(Encoding.UTF8.GetBytes(text)));
        Assert.Null(knowledge.Find(Encoding.UTF8.GetBytes(other)));
    }

    /// <summary>Everything that the corpora say, with other numbers in it: what would be shared is what reading it would have told.</summary>
    [Fact]
    public void What_is_shared_is_what_reading_would_have_told()
    {
        var analyst = new PgAnalyst(shop, PgGrammar.Native);
        var shared = 0;
        foreach (var text in Texts())
        {
            var shape = Shape(text);
            if (shape.Length == 0 || PgParser.ReadSmall(Encoding.UTF8.GetBytes(text), analyst, out var numbersMatter) is not { Unknown: null } facts || numbersMatter)
            {
                continue;
            }
            foreach (var number in Others)
            {
                var other = Encoding.UTF8.GetString(shape).Replace("\x1", number.ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal);
                Assert.Equal(shape, Shape(other));
                Assert.Equal(JsonSerializer.Serialize(facts), JsonSerializer.Serialize(PgParser.ReadSmall(Encoding.UTF8.GetBytes(other), analyst)));
                shared++;
            }
        }
        Assert.True(shared > 500, $"{shared} texts were shared");
    }

    private static byte[] Shape(string text)
    {
        Span<byte> shape = stackalloc byte[PgShape.Longest];
        return shape[..PgShape.Of(Encoding.UTF8.GetBytes(text), shape)].ToArray();
    }

    private static IEnumerable<string> Texts()
    {
        foreach (var line in Corpus.Lines("postgresql/kinds.txt"))
        {
            yield return line[..line.IndexOf('⇒', StringComparison.Ordinal)].Trim();
        }
        foreach (var file in new[] { "guard_cases", "masking_cases" })
        {
            foreach (var line in Corpus.Lines($"postgresql/{file}.jsonl"))
            {
                using var parsed = JsonDocument.Parse(line);
                if (parsed.RootElement.TryGetProperty("sql", out var sql) && sql.ValueKind == JsonValueKind.Array)
                {
                    foreach (var text in sql.EnumerateArray().Where(t => t.ValueKind == JsonValueKind.String))
                    {
                        yield return text.GetString()!;
                    }
                }
            }
        }
    }
}
