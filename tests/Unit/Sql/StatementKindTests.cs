using System.Text;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts.Sql;
using Xunit;

namespace AccessPlane.Tests.Unit.Sql;

public sealed class StatementKindTests : IDisposable
{
    private readonly PgParser lanes;
    private readonly PgKnowledge parser;

    public StatementKindTests()
    {
        lanes = new PgParser(TimeProvider.System);
        parser = new PgKnowledge(PgCatalog.Unknown, lanes);
    }

    public void Dispose() => lanes.Dispose();

    public static TheoryData<string> Lines => [.. Corpus.Lines("postgresql/kinds.txt")];

    [Theory]
    [MemberData(nameof(Lines))]
    public async Task A_statement_is_of_the_kinds_that_the_corpus_says(string line)
    {
        var at = line.IndexOf('⇒', StringComparison.Ordinal);
        var sql = line[..at].Trim().Replace("\\n", "\n", StringComparison.Ordinal).Replace("\\\\", "\\", StringComparison.Ordinal);
        var facts = (await parser.Read(Encoding.UTF8.GetBytes(sql))).Facts;
        var found = facts.Unknown is not null ? ["?"] : facts.Kinds.Append(facts.Refused is null ? "" : "!").Append(facts.AsksForWrites ? "w" : "");
        Assert.Equal(line[(at + 1)..].Trim(), string.Join(' ', found.Where(f => f.Length > 0)));
        Assert.All(facts.Kinds, kind => Assert.True(StatementKinds.All.Contains(kind), kind));
        var hasBody = facts.Has("do") || sql.StartsWith("create function", StringComparison.Ordinal);
        Assert.Equal(Encoding.UTF8.GetBytes(sql).Length <= 1024 && !hasBody, parser.ReadSmall(Encoding.UTF8.GetBytes(sql)) is not null);
    }

    [Fact]
    public async Task Names_that_a_statement_changes_are_told()
    {
        async Task<string> Names(string sql) => string.Join(' ', (await parser.Read(Encoding.UTF8.GetBytes(sql))).Facts.Names?.Select(n => $"{n.Action}:{n.Name}{(n.Lasts ? "+" : "")}") ?? []);
        Assert.Equal("Prepare:p Deallocate:", await Names("prepare p as select 1; deallocate all"));
        Assert.Equal("Declare:c Declare:d+ Close:c Close:", await Names("declare c cursor for select 1; declare d cursor with hold for select 1; close c; close all"));
        Assert.Equal("Prepare:Mixed Case Deallocate:x", await Names("prepare \"Mixed Case\" as select 1; deallocate X"));
        Assert.Equal("DiscardAll:", await Names("discard all"));
        Assert.Equal("", await Names("discard temp; select 1"));
    }

    [Theory]
    [InlineData("select ' \u0000'")]
    public async Task A_text_with_a_nul_is_not_understood(string sql) =>
        Assert.NotNull((await parser.Read(Encoding.UTF8.GetBytes(sql))).Facts.Unknown);

    [Fact]
    public async Task A_text_that_is_no_utf8_is_not_understood()
    {
        foreach (byte[] bad in new byte[][] { [0xff], [0xc0, 0x80], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80] })
        {
            Assert.Contains("UTF-8", (await parser.Read((byte[])[.. "select '"u8, .. bad, .. "'"u8])).Facts.Unknown, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_same_text_is_read_once()
    {
        var text = Encoding.UTF8.GetBytes("select 'read once'");
        Assert.Same(await parser.Read(text), await parser.Read(text));
        Assert.Same((await parser.Read(text)).Facts, parser.Cache.Find(text)!.Facts);
        Assert.Null(parser.Cache.Find(Encoding.UTF8.GetBytes("select 'read twice'")));
    }
}
