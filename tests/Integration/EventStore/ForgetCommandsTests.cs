using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AccessPlane.Tests.Integration.EventStore;

public sealed class ForgetCommandsTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private async Task<long> Count(string table)
    {
        await using var command = database.Source.CreateCommand($"SELECT count(*) FROM accessplane.{table}");
        return (long)(await command.ExecuteScalarAsync(Cancel))!;
    }

    [Fact]
    public async Task What_is_older_than_a_week_is_forgotten_by_any_number_of_replicas_and_the_rest_is_kept()
    {
        var now = TimeProvider.System.GetUtcNow();
        var (old, young) = (now - ForgetCommands.Retention - TimeSpan.FromMinutes(1), now - ForgetCommands.Retention + TimeSpan.FromMinutes(1));
        await using (var fill = database.Source.CreateCommand(
            """
            INSERT INTO accessplane.ap_commands (id, position, at) SELECT gen_random_uuid(), n, CASE WHEN n <= 2500 THEN $1 ELSE $2 END FROM generate_series(1, 2600) n;
            """))
        {
            fill.Parameters.Add(new Npgsql.NpgsqlParameter<DateTimeOffset> { TypedValue = old });
            fill.Parameters.Add(new Npgsql.NpgsqlParameter<DateTimeOffset> { TypedValue = young });
            await fill.ExecuteNonQueryAsync(Cancel);
        }
        var kept = Guid.CreateVersion7();
        await new Once(database.Source, new Http.Clock(old)).Claim(Guid.CreateVersion7(), [1], Cancel);
        await new Once(database.Source, new Http.Clock(young)).Claim(kept, [1], Cancel);

        await Task.WhenAll(Enumerable.Range(0, 3).Select(async _ =>
        {
            using var one = new ForgetCommands(database.Source, TimeProvider.System, NullLogger<ForgetCommands>.Instance);
            await one.Forget(Cancel);
        }));
        Assert.Equal((100, 1), (await Count("ap_commands"), await Count("once")));
        Assert.Equal(OnceClaim.Other, await new Once(database.Source, TimeProvider.System).Claim(kept, [2], Cancel));
    }

    [Fact]
    public async Task Messages_of_a_destination_that_is_there_no_more_are_forgotten_at_last()
    {
        var now = TimeProvider.System.GetUtcNow();
        await using (var fill = database.Source.CreateCommand(
            """
            INSERT INTO accessplane.slack_messages (destination, about, news, channel, ts, at)
            SELECT 'gone', gen_random_uuid(), n::text, 'c', 't', CASE WHEN n <= 3 THEN $1 ELSE $2 END FROM generate_series(1, 5) n
            """))
        {
            fill.Parameters.Add(new Npgsql.NpgsqlParameter<DateTimeOffset> { TypedValue = now - ForgetCommands.RetentionOfMessages - TimeSpan.FromMinutes(1) });
            fill.Parameters.Add(new Npgsql.NpgsqlParameter<DateTimeOffset> { TypedValue = now - ForgetCommands.RetentionOfMessages + TimeSpan.FromMinutes(1) });
            await fill.ExecuteNonQueryAsync(Cancel);
        }
        using var one = new ForgetCommands(database.Source, TimeProvider.System, NullLogger<ForgetCommands>.Instance);
        await one.Forget(Cancel);
        Assert.Equal(2, await Count("slack_messages"));
    }
}
