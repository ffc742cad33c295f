using AccessPlane.Contracts;
using AccessPlane.Projections;
using Xunit;

namespace AccessPlane.Tests.Unit.Projections;

public sealed class RowShapeTests
{
    private enum Colour { Red, Green }

    private sealed record Inner(Colour Colour, IReadOnlyList<string> Words);

    private sealed record Row(Guid Id, Inner Inner, string? Note, long? Count = null);

    private sealed class Model(string column) : Projection<Row>("model")
    {
        public override IReadOnlyList<string> Columns => [column];

        public override IEnumerable<Change> Changes(Stored stored) => [];
    }

    private const string Column = "id text GENERATED ALWAYS AS (row ->> 'id') STORED";

    private static readonly string[] AsItIs =
    [
        "row.id:Guid", "row.inner:Inner", "row.note:String?", "row.count:Int64?", "Inner.colour:Colour(Red,Green)", "Inner.words:[String]", Column,
    ];

    [Fact]
    public void A_row_is_described_by_its_members_and_columns() => Assert.Equal(AsItIs, new Model(Column).Rows.Lines);

    [Theory]
    [InlineData(true, "what is the same is read", null, null)]
    [InlineData(true, "one more member is passed over", null, "row.older:String")]
    [InlineData(true, "what may be absent may be missing", "row.note:String?", null)]
    [InlineData(true, "what could not be absent is there", "row.note:String?", "row.note:String")]
    [InlineData(false, "what must be there is missing", "row.inner:Inner", null)]
    [InlineData(false, "what must be there may be absent", "row.id:Guid", "row.id:Guid?")]
    [InlineData(false, "it is something else", "row.count:Int64?", "row.count:String?")]
    [InlineData(false, "a name of a colour means nothing here", "Inner.colour:Colour(Red,Green)", "Inner.colour:Colour(Red,Green,Blue)")]
    [InlineData(false, "a column is searched that is not there", Column, null)]
    public void Rows_of_another_version_are_read_only_where_nothing_is_missing_or_something_else(bool readable, string why, string? without, string? with) =>
        Assert.True(readable == new Model(Column).Rows.Reads([.. AsItIs.Where(l => l != without), .. with is null ? Array.Empty<string>() : [with]]), why);

    [Fact]
    public void Every_read_model_reads_its_own_rows()
    {
        foreach (var type in typeof(Projection).Assembly.GetTypes().Where(t => !t.IsAbstract && t.IsSubclassOf(typeof(Projection))))
        {
            var projection = (Projection)Activator.CreateInstance(type)!;
            Assert.True(projection.Rows.Reads(projection.Rows.Lines), projection.Name);
            Assert.False(projection.Rows.Reads([]), projection.Name);
        }
    }
}
