using Xunit;

namespace AccessPlane.Tests.Integration.EventStore;

public sealed class LayoutTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    [Fact]
    public async Task The_tables_are_Martens_column_for_column()
    {
        var frozen = (await File.ReadAllLinesAsync(Path.Combine(AppContext.BaseDirectory, "corpus", "marten-layout.txt"), TestContext.Current.CancellationToken))
            .Where(l => l.Length > 0 && l[0] != '#');
        await using var command = database.Source.CreateCommand(
            """
            SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable) FROM information_schema.columns
            WHERE table_schema = 'accessplane' AND table_name LIKE 'mt\_%' ORDER BY table_name COLLATE "C", column_name COLLATE "C"
            """);
        var here = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        while (await reader.ReadAsync(TestContext.Current.CancellationToken))
        {
            here.Add(reader.GetString(0));
        }
        Assert.Equal(frozen, here);
    }

    [Theory]
    [InlineData("UPDATE accessplane.mt_events SET data = '{}'")]
    [InlineData("UPDATE accessplane.mt_events SET timestamp = now() WHERE false")]
    [InlineData("DELETE FROM accessplane.mt_events")]
    [InlineData("DELETE FROM accessplane.mt_events WHERE seq_id = 0")]
    [InlineData("TRUNCATE accessplane.mt_events")]
    [InlineData("TRUNCATE accessplane.mt_streams, accessplane.mt_events")]
    public async Task The_log_only_grows(string change)
    {
        await using var command = database.Source.CreateCommand(change);
        var refused = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken));
        Assert.Contains("the log only grows", refused.MessageText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Making_the_tables_again_and_side_by_side_changes_nothing() =>
        await Task.WhenAll(Enumerable.Range(0, 5).Select(_ =>
            new AccessPlane.ControlPlane.EventStore.Schema(database.Source).Create(TestContext.Current.CancellationToken)));
}
