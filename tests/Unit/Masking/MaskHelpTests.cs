using System.Text;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Agent.Protocols.PostgreSql.Masking;
using AccessPlane.Contracts.Policy;
using Xunit;

namespace AccessPlane.Tests.Unit.Masking;

/// <summary>How masks and refusals are told to people.</summary>
public sealed class MaskHelpTests
{
    private static readonly GroundRelation Customers = Table(1, "customers", "ssn", 'r') with { Comment = "whom we sell to" };

    private static readonly MaskGround Ground = new(
        new GroundAgent("shop", "agent", 150000, false, true, true, true, true, false, false, true, ["shop"], []), [new GroundSchema("shop", false, true, true)],
        [Customers, Table(2, "pub", "x", 'r'), Table(3, "over", "ssn", 'v')], [], [], [], [], [], [new GroundReading(3, false, 1, 1, false)], [],
        GroundMade.Nothing with { Views = [new GroundView("accessplane_m_0123456789ab_shop", "customers", MaskSql.Owner, "", "", null) { Oid = 77 }] });

    private static readonly MaskDesign Design = MaskDesigner.Design(
        Ground, new MaskName("0123456789ab"), [new MaskRule("secret-name", "orders", ["shop.customers.ssn"], [], new MaskWith(MaskKind.KeepLast, 4), null, Inference.Allow)], null);

    private static readonly MaskHelp Help = MaskHelp.Of(Ground, Design);

    private static GroundRelation Table(uint oid, string name, string column, char kind) => new(
        oid, "shop", name, kind, [new GroundColumn(column, 1, "text", 25, -1, null, TableRights.None)], TableRights.Select, TableRights.Select, false, TableRights.None, false);

    [Theory]
    [InlineData(MaskKind.KeepLast, 4, "text", 25u, "the last 4 characters are shown")]
    [InlineData(MaskKind.KeepFirst, 1, "text", 25u, "the first character is shown")]
    [InlineData(MaskKind.KeepLast, 0, "text", 25u, "nothing of it is shown")]
    [InlineData(MaskKind.KeepLast, 4, "integer", 23u, "it shows as null")]
    [InlineData(MaskKind.Redact, 0, "text", 25u, "nothing of it is shown")]
    [InlineData(MaskKind.Redact, 0, "bytea", 17u, "it shows as null")]
    [InlineData(MaskKind.Year, 0, "date", 1082u, "the year is shown")]
    [InlineData(MaskKind.Year, 0, "text", 25u, "nothing of it is shown")]
    [InlineData(MaskKind.Round, 3, "integer", 23u, "it is rounded to 1000")]
    [InlineData(MaskKind.Round, 300, "double precision", 701u, "it is rounded to 1e300")]
    public void A_mask_is_told_as_the_type_shows_it(MaskKind kind, int keep, string type, uint oid, string told)
    {
        foreach (var collation in new[] { null, "\"pg_catalog\".\"C\"" })
        {
            Assert.Equal(told, MaskWords.How(new GroundColumn("c", 1, type, oid, -1, collation, TableRights.None), new MaskWith(kind, keep)));
        }
    }

    [Fact]
    public void A_comment_says_how_and_then_what_the_owner_says()
    {
        var all = MaskWords.On(Customers, [Customers.Columns[0] with { Comment = "a number" }], ["pin"], Design.Masked);
        Assert.Equal("whom we sell to (masked: ssn; not shown: pin)", all[MaskWords.Whole]);
        Assert.Equal("masked: the last 4 characters are shown. a number", all["ssn"]);
        var cut = MaskWords.On(Customers, [Customers.Columns[0] with { Comment = new string('x', 5000) }], [], Design.Masked)["ssn"];
        Assert.Equal($"masked: the last 4 characters are shown. {new string('x', 1000)}...", cut);
    }

    [Theory]
    [InlineData("42501", "permission denied for view over", "`shop.over` is not for sessions from which columns are hidden: it reads the masked column `ssn` of `shop.customers`")]
    [InlineData("42501", "keine Berechtigung für Sicht over", "`shop.over` is not for sessions")]
    [InlineData("42501", "permission denied for table customers", "`shop.customers` has masked columns")]
    [InlineData("42501", "permission denied for schema elsewhere", "this session has a database login of its own")]
    [InlineData("42809", "\"customers\" is not a table", "`shop.customers` has masked columns")]
    [InlineData("42809", "\"pub\" is not a view", null)]
    [InlineData("42P01", "relation \"customers\" does not exist", null)]
    public void An_error_of_missing_privilege_gets_its_reason_and_keeps_its_words(string code, string message, string? why)
    {
        var error = PgError.Of("ERROR", code, message, "its own detail")[PgFrame.Header..];
        var told = Help.Explain(null, error);
        Assert.Equal(why is null, told is null);
        if (told is not null)
        {
            string Field(char letter) => Encoding.UTF8.GetString(PgError.Field(told.AsSpan(PgFrame.Header), letter));
            Assert.Equal((code, message), (Field('C'), Field('M')));
            Assert.StartsWith($"its own detail\n{why}", Field('D'), StringComparison.Ordinal);
            Assert.NotEmpty(Field('H'));
            Assert.DoesNotContain("secret-name", Encoding.UTF8.GetString(told), StringComparison.Ordinal);
            Assert.Null(Help.Explain(null, error.AsSpan(0, error.Length - 2))); // what is cut off passes as it is
        }
    }

    [Theory]
    [InlineData("SELECT a.attname\nFROM pg_catalog.pg_attribute a\nWHERE a.attrelid = '1' AND a.attnum > 0", true)]
    [InlineData("SELECT a.attname\nFROM pg_catalog.pg_attribute a\nWHERE a.attrelid = '77' AND a.attnum > 0", true)]
    [InlineData("SELECT a.attname\nFROM pg_catalog.pg_attribute a\nWHERE a.attrelid = '2' AND a.attnum > 0", false)]
    [InlineData("SELECT a.attname\nFROM pg_catalog.pg_attribute a\nWHERE a.attrelid = '", false)]
    [InlineData("SELECT 1", false)]
    public void Who_describes_a_relation_with_masked_columns_is_told_of_them(string sql, bool isTold) => Assert.Equal(
        isTold ? Encoding.UTF8.GetString(PgError.Notice("columns of shop.customers are masked for you", "ssn: the last 4 characters are shown")) : null,
        Help.NoticeOn(Encoding.UTF8.GetBytes(sql)) is { } notice ? Encoding.UTF8.GetString(notice) : null);
}
