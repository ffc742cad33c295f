using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.EventStore;

/// <summary>A subscriber reads by position and never looks back: whatever commits late must still be ahead of it.</summary>
public sealed class GlobalOrderTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
    private static readonly EventContext Context = new(Actor.System("test"), Guid.Empty);

    private static Append To(Guid stream, long expected = 0) =>
        new([new StreamAppend(stream, "resource", expected, [new ResourceRegistered($"r{stream:N}", "postgresql")])], Context);

    /// <summary>An append in a transaction that the test ends when it likes: drawn, but not committed.</summary>
    private async Task<(NpgsqlConnection Connection, NpgsqlTransaction Transaction)> HeldAppend(Guid stream)
    {
        var connection = await database.Source.OpenConnectionAsync(Cancel);
        var transaction = await connection.BeginTransactionAsync(Cancel);
        await using var append = new NpgsqlCommand(
            "SELECT * FROM accessplane.ap_append(ARRAY[$1], ARRAY['resource'], ARRAY[0::bigint], ARRAY[1], ARRAY[gen_random_uuid()], ARRAY['resource_registered'], ARRAY[''], " +
            "ARRAY['{\"resource\":\"late\",\"kind\":\"postgresql\"}'], now(), '00000000-0000-0000-0000-000000000000', NULL, $2, NULL)",
            connection, transaction)
        {
            Parameters = { new NpgsqlParameter { Value = stream }, new NpgsqlParameter { Value = StoredJson.HeadersOf(Context) } },
        };
        await append.ExecuteNonQueryAsync(Cancel);
        return (connection, transaction);
    }

    [Fact]
    public async Task An_append_that_commits_late_is_never_skipped_and_a_naive_reader_would_skip_it()
    {
        var from = await database.Log.Drawn(Cancel);
        var (late, early) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var (connection, transaction) = await HeldAppend(late);
        await database.Log.Append(To(early), Cancel);

        Assert.Equal([early], await NaiveRead(from)); // it would store the later position, and never look back
        Assert.Empty(await database.Log.ReadAll(from, null, 100, Cancel));

        await transaction.CommitAsync(Cancel);
        await connection.DisposeAsync();
        Assert.Equal([late, early], (await database.Log.ReadAll(from, null, 100, Cancel)).Select(e => e.Stream));
        FaultReport.Saw($"while the earlier of 2 appends was held a naive reader saw the later one and ours 0; then 2, in order");
    }

    [Fact]
    public async Task An_append_that_is_rolled_back_holds_nobody_up()
    {
        var from = await database.Log.Drawn(Cancel);
        var (connection, transaction) = await HeldAppend(Guid.CreateVersion7());
        var after = Guid.CreateVersion7();
        await database.Log.Append(To(after), Cancel);
        await transaction.RollbackAsync(Cancel);
        await connection.DisposeAsync();
        Assert.Equal([after], (await database.Log.ReadAll(from, null, 100, Cancel)).Select(e => e.Stream));
    }

    [Fact]
    public async Task A_long_transaction_that_appends_nothing_holds_nobody_up()
    {
        var from = await database.Log.Drawn(Cancel);
        await using var connection = await database.Source.OpenConnectionAsync(Cancel);
        await using var transaction = await connection.BeginTransactionAsync(Cancel);
        await using (var write = new NpgsqlCommand("CREATE TEMP TABLE busy (n int); SELECT pg_current_xact_id()", connection, transaction))
        {
            await write.ExecuteNonQueryAsync(Cancel);
        }
        var stream = Guid.CreateVersion7();
        await database.Log.Append(To(stream), Cancel);
        Assert.Equal([stream], (await database.Log.ReadAll(from, null, 100, Cancel)).Select(e => e.Stream));
    }

    [Fact]
    public async Task A_reader_beside_many_writers_sees_every_event_once_in_order()
    {
        const int writers = 12, each = 60;
        var from = await database.Log.Drawn(Cancel);
        var written = Task.WhenAll(Enumerable.Range(0, writers).Select(w => Task.Run(async () =>
        {
            for (var i = 0; i < each; i++)
            {
                if (i % 20 == w)
                {
                    // one that dawdles between drawing its number and committing, while others overtake it
                    var (connection, transaction) = await HeldAppend(Guid.CreateVersion7());
                    await database.Log.Append(To(Guid.CreateVersion7()), Cancel);
                    await transaction.CommitAsync(Cancel);
                    await connection.DisposeAsync();
                }
                await database.Log.Append(To(Guid.CreateVersion7()), Cancel);
            }
        }, Cancel)));

        var seen = new List<long>();
        while (true)
        {
            var done = written.IsCompleted;
            var events = await database.Log.ReadAll(seen.Count == 0 ? from : seen[^1], null, 7, Cancel);
            seen.AddRange(events.Select(e => e.Position));
            if (done && events.Count == 0)
            {
                break;
            }
        }
        await written;
        Assert.Equal(await All(from), seen);
    }

    [Fact]
    public async Task The_number_drawn_last_is_never_read_ahead_of_what_was_drawn_and_so_never_falls_back()
    {
        // a sequence writes 32 numbers ahead to the WAL, and for that moment its row says so: who reads the row then believes in numbers that nobody
        // has drawn, and a subscriber passes by the events that get them
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var drawing = Enumerable.Range(0, 3).Select(async _ =>
        {
            await using var draw = database.Source.CreateCommand("SELECT count(nextval('accessplane.mt_events_sequence')) FROM generate_series(1, 20000)");
            while (!over.IsCancellationRequested)
            {
                await draw.ExecuteNonQueryAsync(Cancel);
            }
        }).ToList();
        await using var look = database.Source.CreateCommand(
            """
            CREATE FUNCTION pg_temp.falls(looks integer) RETURNS integer LANGUAGE plpgsql AS $$
            DECLARE before bigint := 0; now bigint; falls integer := 0;
            BEGIN
                FOR i IN 1..looks LOOP
                    now := accessplane.ap_drawn();
                    falls := falls + (now < before)::integer;
                    before := now;
                END LOOP;
                RETURN falls;
            END $$;
            SELECT pg_temp.falls(300000)
            """);
        var falls = await look.ExecuteScalarAsync(Cancel);
        await over.CancelAsync();
        await Task.WhenAll(drawing);
        Assert.Equal(0, falls);
    }

    [Fact]
    public async Task Of_appends_that_expect_the_same_version_one_wins_and_the_others_learn_the_version()
    {
        var stream = Guid.CreateVersion7();
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => database.Log.Append(To(stream), Cancel)));
        Assert.Single(answers.OfType<Appended.Done>());
        Assert.All(answers.OfType<Appended.Conflict>(), c => Assert.Equal((stream, 1L), (c.Stream, c.ActualVersion)));
        Assert.Equal(9, answers.OfType<Appended.Conflict>().Count());
    }

    [Fact]
    public async Task A_command_that_is_repeated_changes_nothing_and_hears_where_it_ended()
    {
        var (stream, command) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var first = Assert.IsType<Appended.Done>(await database.Log.Append(To(stream) with { Command = command }, Cancel));
        var again = Assert.IsType<Appended.Repeated>(await database.Log.Append(To(stream, 1) with { Command = command }, Cancel));
        Assert.Equal(first.Position, again.Position);
        Assert.Single(await database.Log.ReadStream(stream, Cancel));
        FaultReport.Saw($"2 times sent: 1 event, and position {first.Position} told both times");
    }

    [Fact]
    public async Task An_append_to_several_streams_happens_whole_or_not_at_all()
    {
        var (taken, free) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await database.Log.Append(To(taken), Cancel);
        var both = new Append([.. To(free).Streams, .. To(taken).Streams], Context);
        Assert.IsType<Appended.Conflict>(await database.Log.Append(both, Cancel));
        Assert.Empty(await database.Log.ReadStream(free, Cancel));
    }

    [Fact]
    public async Task What_was_stored_reads_back_with_who_and_why()
    {
        var stream = Guid.CreateVersion7();
        var context = new EventContext(Actor.System("someone"), Guid.CreateVersion7(), Guid.CreateVersion7(), 7, ["orders-read"]);
        await database.Log.Append(To(stream) with { Context = context }, Cancel);
        var stored = (await database.Log.ReadStream(stream, Cancel)).Single();
        Assert.Equal(new ResourceRegistered($"r{stream:N}", "postgresql"), stored.Event);
        Assert.Equal((context.Correlation, context.Causation, 7, "orders-read"),
            (stored.Context.Correlation, stored.Context.Causation, stored.Context.PolicyVersion, stored.Context.Rules!.Single()));
        Assert.Equal("accessplane|someone", stored.Context.Actor.Key);
    }

    [Fact]
    public async Task Text_that_no_log_can_keep_is_refused_before_anything_is_written()
    {
        var stream = Guid.CreateVersion7();
        var append = new Append([new StreamAppend(stream, "resource", 0, [new ResourceRegistered("a\0b", "postgresql")])], Context);
        await Assert.ThrowsAsync<TextNotStorableException>(() => database.Log.Append(append, Cancel));
        Assert.Empty(await database.Log.ReadStream(stream, Cancel));
    }

    private async Task<List<Guid>> NaiveRead(long after)
    {
        await using var command = database.Source.CreateCommand("SELECT stream_id FROM accessplane.mt_events WHERE seq_id > $1 ORDER BY seq_id");
        command.Parameters.Add(new NpgsqlParameter { Value = after });
        var streams = new List<Guid>();
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        while (await reader.ReadAsync(Cancel))
        {
            streams.Add(reader.GetGuid(0));
        }
        return streams;
    }

    private async Task<List<long>> All(long after)
    {
        await using var command = database.Source.CreateCommand("SELECT array_agg(seq_id ORDER BY seq_id) FROM accessplane.mt_events WHERE seq_id > $1");
        command.Parameters.Add(new NpgsqlParameter { Value = after });
        return [.. (long[])(await command.ExecuteScalarAsync(Cancel))!];
    }
}
