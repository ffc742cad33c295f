using Npgsql;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>Where messages with buttons stand, until nothing is to be decided there any more. Operational: losing it leaves buttons that decide nothing.</summary>
internal sealed class SlackMessages(string destination, NpgsqlDataSource database, TimeProvider clock)
{
    public async Task<IReadOnlyList<(string News, SlackPlace At)>> About(Guid id, CancellationToken cancel)
    {
        await using var command = database.CreateCommand("select news, channel, ts from accessplane.slack_messages where destination = $1 and about = $2 order by at");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = destination });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = id });
        List<(string, SlackPlace)> found = [];
        await using var rows = await command.ExecuteReaderAsync(cancel);
        while (await rows.ReadAsync(cancel))
        {
            found.Add((rows.GetString(0), new SlackPlace(rows.GetString(1), rows.GetString(2))));
        }
        return found;
    }

    public async Task Remember(News news, SlackPlace at, CancellationToken cancel)
    {
        await using var command = database.CreateCommand("""
            insert into accessplane.slack_messages (destination, about, news, channel, ts, at) values ($1, $2, $3, $4, $5, $6)
            on conflict (destination, news) do update set channel = excluded.channel, ts = excluded.ts
            """);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = destination });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = news.About });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = news.Id });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = at.Channel });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = at.Timestamp });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = clock.GetUtcNow() });
        await command.ExecuteNonQueryAsync(cancel);
    }

    public async Task Forget(string news, CancellationToken cancel)
    {
        await using var command = database.CreateCommand("delete from accessplane.slack_messages where destination = $1 and news = $2");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = destination });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = news });
        await command.ExecuteNonQueryAsync(cancel);
    }
}
