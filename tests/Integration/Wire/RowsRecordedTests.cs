using System.Globalization;
using System.Text.Json;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using Npgsql;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>Where the policy says so, what a client got of the database stands in the transcript: as it got it, and no more than that.</summary>
public sealed class RowsRecordedTests : IAsyncLifetime
{
    private WireAgent agent = null!;

    public async ValueTask InitializeAsync()
    {
        agent = await WireAgent.Start(new WireOptions(Superuser: true));
        await agent.Directly("create table people (id int primary key, name text, card text)", "insert into people values (1, 'Ada', '4929000011112222'), (2, null, '4929000033334444')");
        Record(100);
    }

    public ValueTask DisposeAsync() => agent.DisposeAsync();

    private void Record(int most, int bytes = 64 << 10, params MaskRule[] masks) => agent.Publish(model => model with
    {
        Resources = [.. model.Resources.Select(r => r with { RecordRows = new RecordedRows(most, bytes) })],
        Masks = masks,
    });

    private TranscriptEntry[] Rows() => [.. agent.Entries().Where(e => e.Kind == "rows")];

    /// <summary>`id name [1|Ada] +2`.</summary>
    private static string Told(TranscriptEntry entry) => string.Join(' ',
    [
        .. entry.Columns?.Select(c => c.Name) ?? [],
        .. entry.Values?.Select(r => $"[{string.Join('|', r.Select(v => v.ValueKind == JsonValueKind.String ? v.GetString() : v.GetRawText()))}]") ?? [],
        .. entry.RowsOmitted is { } left ? (string[])[$"+{left}"] : [],
    ]);

    [Fact]
    public async Task Without_a_word_in_the_policy_no_row_is_recorded()
    {
        agent.Publish(model => model with { Resources = [.. model.Resources.Select(r => r with { RecordRows = null })] });
        using var client = await agent.Connect();
        await client.Ask(Query("select * from people"));
        await client.Ask(Parse("", "select * from people"), Bind("", ""), Execute(), Sync);
        Assert.Empty(Rows());
        Assert.DoesNotContain("4929", string.Concat(agent.Transcript()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rows_stand_before_the_result_of_their_operation()
    {
        using var client = await agent.Connect();
        Assert.Equal("T D[1|Ada] D[2|null] C[SELECT 2] ZI", Story(await client.Ask(Query("select id, name from people order by 1"))));
        Assert.Equal("id name [1|Ada] [2|null]", Told(Assert.Single(Rows())));
        Assert.Equal([new SeenColumn("id", 23), new SeenColumn("name", 25)], Rows()[0].Columns!);
        Assert.Equal(["statement", "rows", "result"], agent.Entries().Where(e => e.Op == 1).Select(e => e.Kind));
    }

    [Fact]
    public async Task In_the_extended_protocol_clients_notice_nothing_whether_they_describe_or_not()
    {
        using var client = await agent.Connect();
        Assert.Equal("1 2 D[1|Ada] D[2|null] C[SELECT 2] ZI", Story(await client.Ask(Parse("", "select id, name from people order by 1"), Bind("", ""), Execute(), Sync)));
        Assert.Equal("1 2 T D[1] s D[2] C[SELECT 1] ZI", Story(await client.Ask(
            Parse("", "select id from people order by 1"), Bind("", ""), Describe('P', ""), Execute("", 1), Execute(), Sync)));
        Assert.Equal("1 2 C[INSERT 0 1] ZI", Story(await client.Ask(Parse("", "insert into people values (3, 'Cy')"), Bind("", ""), Execute(), Sync)));
        Assert.Equal("1 2 E22012 ZI", Story(await client.Ask(Parse("", "select 1 / (id - 1) from people order by id"), Bind("", ""), Execute(), Sync)));
        await client.Ask(Parse("", "select 7, 'x'"), BindForBinary("", ""), Execute(), Sync);
        Assert.Equal(
            ["id name [1|Ada] [2|null]", "id [1]", "id [2]", """?column? ?column? [{"base64":"AAAABw=="}|{"bytes":"x"}]"""], Rows().Select(Told));
    }

    [Fact]
    public async Task What_npgsql_reads_is_what_is_recorded()
    {
        await using (var connection = new NpgsqlConnection(agent.NpgsqlString()))
        {
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand("select name, $1::text from people where id = any ($2)", connection) { Parameters = { new() { Value = "é" }, new() { Value = (int[])[1, 2] } } };
            await command.PrepareAsync();
            for (var i = 0; i < 2; i++)
            {
                await using var reader = await command.ExecuteReaderAsync();
                Assert.True(await reader.ReadAsync());
                Assert.Equal(("Ada", "é"), (reader.GetString(0), reader.GetString(1)));
            }
        }
        var read = Rows().Where(e => e.Columns is [{ Name: "name" }, ..]).ToList();
        Assert.Equal(2, read.Count);
        Assert.All(read, e => Assert.Contains("""{"bytes":"Ada"}""", string.Join(' ', e.Values![0].Select(v => v.GetRawText())), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Cursors_are_recorded_fetch_by_fetch_and_COPY_line_by_line()
    {
        using var client = await agent.Connect();
        await client.Ask(Query("begin; declare c cursor for select id from people order by 1"));
        await client.Ask(Query("fetch 1 from c"));
        await client.Ask(Query("fetch all from c"));
        await client.Ask(Query("commit"));
        await client.Ask(Query("copy (select id, name from people order by 1) to stdout"));
        await client.Ask(Parse("", "copy people (id) to stdout with (format binary)"), Bind("", ""), Execute(), Sync);
        Assert.Equal(["id [1]", "id [2]", "[1\tAda\n] [2\t\\N\n]"], Rows().Take(3).Select(Told));
        Assert.StartsWith("UEdDT1BZ", Rows()[3].Values![0][0].GetProperty("base64").GetString(), StringComparison.Ordinal); // PGCOPY
    }

    [Fact]
    public async Task What_is_beyond_the_bound_is_counted_and_reaches_the_client_all_the_same()
    {
        Record(3, 1024);
        using var client = await agent.Connect();
        var got = await client.Ask(Query("select g from generate_series(1, 10000) g"));
        Assert.Equal(10_000, got.Count(m => m.Type == 'D'));
        got = await client.Ask(Query("select repeat('x', 5000000)"));
        Assert.Equal(5_000_006, Assert.Single(got, m => m.Type == 'D').Body.Length);
        Assert.Equal(["g [1] [2] [3]", "+9997", "+1"], Rows().Select(Told));
        Assert.Equal(5_000_006, Rows()[2].BytesOmitted);
        await client.StillWorks();
    }

    [Fact]
    public async Task Where_a_client_leaves_the_rest_unread_what_is_kept_is_recorded_before_the_agent_may_die()
    {
        Record(10, RecordedRows.BytesOfAny);
        using var client = await agent.Connect();
        await client.Send(Query("select g, repeat('x', 1000) from generate_series(1, 200000) g"));
        await client.Read();
        await WireAgent.Until(() => Task.FromResult(Rows().Length > 0));
        Assert.Equal(10, Assert.Single(Rows()).Values!.Count);
        Assert.Equal(["statement", "rows"], agent.Entries().Where(e => e.Op == 1).Select(e => e.Kind));
    }

    [Fact]
    public async Task Of_masked_columns_the_mask_is_recorded_and_the_value_is_nowhere()
    {
        Record(100, 64 << 10,
            new MaskRule("cards", "orders", ["public.people.card"], [], new MaskWith(MaskKind.KeepLast, 4), null, Inference.Refuse),
            new MaskRule("words", "orders", [], [Detector.Email], MaskWith.Redact, null, Inference.Allow));
        await agent.Directly("insert into people values (3, 'ask ada@secret.example', null)");
        using var client = await agent.Connect();
        const string all = "********2222";
        Assert.Equal($"T D[1|{all}] C[SELECT 1] ZI", Story(await client.Ask(Query("select id, card from people where id = 1"))));
        Assert.Equal($"1 2 D[1|{all}] C[SELECT 1] ZI", Story(await client.Ask(Parse("", "select id, card from people where id = 1"), Bind("", ""), Execute(), Sync)));
        await client.Ask(Query("select name from people where id = 3"));
        await client.Ask(Query("copy people (name) to stdout"));
        Assert.Equal([$"id card [1|{all}]", $"id card [1|{all}]", "name [ask ******************]"], Rows().Take(3).Select(Told));
        Assert.Contains("ask *", Told(Rows()[3]), StringComparison.Ordinal);
        var record = string.Concat(agent.Transcript());
        Assert.DoesNotContain("492900001111", record, StringComparison.Ordinal);
        Assert.DoesNotContain("secret.example", record, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rows_that_a_limit_cuts_off_are_not_recorded()
    {
        agent.Publish(model => model with { Limits = [new LimitRule("few", "orders", RowsPerStatement: 1)] });
        using var client = await agent.Connect();
        Assert.Equal("T D[1] E54000 ZI", Story(await client.Ask(Query("select id from people order by 1"))));
        Assert.Equal(["id [1]"], Rows().Select(Told));
        Assert.Equal("cancelled", agent.Entries().Last(e => e.Kind == "result").Outcome);
    }

    [Fact]
    public async Task A_unit_of_many_operations_holds_one_result_at_a_time_and_its_record_arrives_in_parts()
    {
        Record(1000, RecordedRows.BytesOfAny);
        using var client = await agent.Connect();
        byte[][] unit = [.. Enumerable.Range(0, 30).SelectMany(_ => (byte[][])[Parse("", "select repeat('\"', 10000) from generate_series(1, 50)"), Bind("", ""), Execute()]), Sync];
        Assert.Equal(1500, (await client.Ask(unit)).Count(m => m.Type == 'D'));
        Assert.Equal(1500, Rows().Sum(e => e.Values!.Count));
        await client.StillWorks();
        Assert.InRange(agent.Drain().Max(p => p.Entries.Length), 1_000_000, 1_300_000); // one entry and a little, not all thirty
    }

    [Fact]
    public async Task A_session_that_is_revoked_in_the_middle_of_a_result_has_recorded_what_was_sent_before()
    {
        Record(1000);
        using var client = await agent.Connect();
        await client.Send(Query("select g, repeat('x', 100), case when g > 400 then pg_sleep(60) end from generate_series(1, 500) g"));
        for (var seen = 0; seen < 50; seen += (await client.Read())!.Value.Type == 'D' ? 1 : 0)
        {
        }
        agent.Revoke();
        await WireAgent.Until(() => Task.FromResult(agent.Entries().Any(e => e.Kind == "end")));
        var rows = Assert.Single(Rows());
        Assert.InRange(rows.Values!.Count, 50, 400);
        Assert.Equal(Enumerable.Range(1, rows.Values.Count).Select(g => g.ToString(CultureInfo.InvariantCulture)), rows.Values.Select(r => r[0].GetString()));
        Assert.Equal("unknown", agent.Entries().Single(e => e.Kind == "result").Outcome);
    }
}

/// <summary>The same where PostgreSQL itself hides columns: rows come masked.</summary>
public sealed class MaskedRowsRecordedTests
{
    [Fact]
    public async Task What_the_database_hides_is_in_no_record()
    {
        await using var agent = await WireAgent.Start(MaskedSessionTests.Options() with { RecordRows = new RecordedRows(10, 4096) });
        await agent.UntilMasking(MaskingStatus.Ready);
        using var client = await agent.Connect();
        const string sql = "select name, ssn from shop.customers order by id";
        Assert.Equal("T D[Ada|********6789] D[Grace|********4321] C[SELECT 2] ZI", Story(await client.Ask(Query(sql))));
        Assert.Equal("1 2 D[Ada|********6789] D[Grace|********4321] C[SELECT 2] ZI", Story(await client.Ask(Parse("", sql), Bind("", ""), Execute(), Sync)));
        var rows = agent.Entries().Where(e => e.Kind == "rows").ToList();
        Assert.Equal(2, rows.Count);
        Assert.All(rows, e => Assert.Equal("********6789", e.Values![0][1].GetString()));
        Assert.DoesNotContain("123-45", string.Concat(agent.Transcript()), StringComparison.Ordinal);
    }
}
