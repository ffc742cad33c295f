using AccessPlane.Projections;
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
    public async Task Making_the_tables_again_and_side_by_side_changes_nothing()
    {
        await Comment("NULL"); // as another version may have made them
        await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => Create()));
    }

    [Fact]
    public async Task A_control_plane_that_starts_waits_for_nobody_who_appends_and_nobody_waits_for_it()
    {
        var tables = new Projector(database.Source, [new AccessPlane.Projections.Sessions()]);
        await tables.CreateTables(TestContext.Current.CancellationToken);
        await using var appending = await database.Source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var underWay = await appending.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using (var append = new Npgsql.NpgsqlCommand(
            "LOCK TABLE accessplane.mt_streams, accessplane.mt_events, accessplane.ap_commands, accessplane.agent_progress, accessplane.once IN ROW EXCLUSIVE MODE; " +
            "LOCK TABLE accessplane.ap_projections, accessplane.mt_event_progression IN ACCESS SHARE MODE", appending))
        {
            await append.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }
        await Create().WaitAsync(TimeSpan.FromSeconds(30));
        await tables.CreateTables(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(30));
    }

    private Task Create() => new AccessPlane.ControlPlane.EventStore.Schema(database.Source).Create(TestContext.Current.CancellationToken);

    private async Task Comment(string made)
    {
        await using var command = database.Source.CreateCommand($"COMMENT ON SCHEMA accessplane IS {made}");
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}
