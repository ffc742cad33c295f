using System.Diagnostics;
using System.Security.Cryptography;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.Tests.Unit.Wire;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>Every member of what is recorded of an operation, beside what its client saw of it.</summary>
public sealed class RecordedWholeTests : IAsyncLifetime
{
    /// <summary>Times are recorded to the microsecond.</summary>
    private static readonly TimeSpan Rounding = TimeSpan.FromMilliseconds(1);

    private WireAgent agent = null!;
    private RawClient client = null!;

    public async ValueTask InitializeAsync()
    {
        agent = await Start();
        await agent.Directly(
            "create table r (a int primary key, b text)", "insert into r values (1, 'one'), (2, 'two'), (3, 'three')", $"grant all on r to {agent.Database}");
        client = await agent.Connect();
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await agent.DisposeAsync();
    }

    [Fact]
    public async Task A_query_is_recorded_with_its_parameters_and_with_all_that_came_back()
    {
        const string sql = "select a, repeat(b, 100), $3::text from r, generate_series(1, $1::int), pg_sleep(0.05) where b <> $2";
        var seen = await Watch(Parse("", sql), Bind("", "", "2000", "three", null), Execute(), Sync);
        Assert.EndsWith("C[SELECT 4000] ZI", Story(seen.Answer), StringComparison.Ordinal);
        var (statement, result) = Recorded(seen);
        Assert.Equal(("extended", sql, "select", false), (statement.Protocol!, statement.Text!, Kinds(statement), statement.InTransaction!.Value));
        Assert.Equal("\"2000\" \"three\" null", string.Join(' ', statement.Params!.Select(p => p.GetRawText())));
        Assert.Equal(("completed", "I", "SELECT 4000"), (result.Outcome!, result.Status!, result.Tag!));
        Assert.Equal((4000L, seen.Bytes('D')), (result.Rows!.Value, result.Bytes!.Value));
        Assert.InRange(result.Duration!.Value, 49_000, (long)seen.Took.TotalMicroseconds); // microseconds: it slept for 50 ms
        Assert.Null(result.Error);
    }

    [Fact]
    public async Task A_write_is_recorded_with_the_rows_that_it_changed()
    {
        const string sql = "insert into r values (4, 'four'), (5, 'five')";
        var seen = await Watch(Query(sql));
        Assert.Equal("C[INSERT 0 2] ZI", Story(seen.Answer));
        var (statement, result) = Recorded(seen);
        Assert.Equal(("simple", sql, "insert select", false), (statement.Protocol!, statement.Text!, Kinds(statement), statement.InTransaction!.Value));
        Assert.Null(statement.Params);
        Assert.Equal(("completed", "I", "INSERT 0 2"), (result.Outcome!, result.Status!, result.Tag!));
        Assert.Equal((2L, 0L), (result.Rows!.Value, result.Bytes!.Value));
        Assert.Null(result.Error);
    }

    [Fact]
    public async Task A_text_of_several_statements_is_one_operation_of_all_their_kinds_and_rows()
    {
        const string sql = "insert into r values (4, 'four'); update r set b = upper(b) where a < 3; select a, b from r";
        var seen = await Watch(Query(sql));
        Assert.EndsWith("C[SELECT 4] ZI", Story(seen.Answer), StringComparison.Ordinal);
        var (statement, result) = Recorded(seen);
        Assert.Equal((sql, "insert select update"), (statement.Text!, Kinds(statement)));
        Assert.Equal(("completed", "I", "SELECT 4"), (result.Outcome!, result.Status!, result.Tag!));
        Assert.Equal((1L + 2 + 4, seen.Bytes('D')), (result.Rows!.Value, result.Bytes!.Value));
        Assert.Single(agent.Entries(), e => e.Kind == "statement");
    }

    [Fact]
    public async Task What_fails_in_a_transaction_block_is_recorded_with_its_error_and_with_what_became_of_the_transaction()
    {
        var (begin, begun) = Recorded(await Watch(Query("begin")));
        Assert.Equal(("transaction", false), (Kinds(begin), begin.InTransaction!.Value));
        Assert.Equal(("completed", "T", "BEGIN"), (begun.Outcome!, begun.Status!, begun.Tag!));

        var seen = await Watch(Query("insert into r values (1, 'one again')"));
        Assert.Equal("E23505 ZE", Story(seen.Answer));
        var (failing, failed) = Recorded(seen);
        Assert.True(failing.InTransaction);
        Assert.Equal(("failed", "E"), (failed.Outcome!, failed.Status!));
        Assert.Equal(new EntryError("23505", "duplicate key value violates unique constraint \"r_pkey\""), failed.Error);
        Assert.Equal(Field(seen.Answer[0].Body, 'M'), failed.Error!.Message);
        Assert.Equal((0L, 0L), (failed.Rows!.Value, failed.Bytes!.Value));
        Assert.Null(failed.Tag);

        var (_, ignored) = Recorded(await Watch(Query("select 1")));
        Assert.Equal(("failed", "E", "25P02"), (ignored.Outcome!, ignored.Status!, ignored.Error!.Code));

        var (_, over) = Recorded(await Watch(Query("rollback")));
        Assert.Equal(("completed", "I", "ROLLBACK"), (over.Outcome!, over.Status!, over.Tag!));
        Assert.Null(over.Error);
    }

    [Fact]
    public async Task Data_that_is_copied_out_is_recorded_by_its_rows_and_bytes()
    {
        const string sql = "copy r to stdout";
        var seen = await Watch(Query(sql));
        Assert.EndsWith("C[COPY 3] ZI", Story(seen.Answer), StringComparison.Ordinal);
        var (statement, result) = Recorded(seen);
        Assert.Equal(("simple", sql, "copy-to"), (statement.Protocol!, statement.Text!, Kinds(statement)));
        Assert.Equal(("completed", "I", "COPY 3"), (result.Outcome!, result.Status!, result.Tag!));
        Assert.Equal((long)"1\tone\n2\ttwo\n3\tthree\n".Length, seen.Bytes('d'));
        Assert.Equal((3L, seen.Bytes('d')), (result.Rows!.Value, result.Bytes!.Value));
    }

    [Fact]
    public async Task Data_that_is_copied_in_is_recorded_by_its_rows_bytes_and_hash()
    {
        const string sql = "copy r from stdin";
        byte[][] parts = ["4\tfour\n"u8.ToArray(), "5\tfi"u8.ToArray(), "ve\n"u8.ToArray()]; // where it is cut is the client's to choose
        byte[] data = [.. parts.SelectMany(part => part)];
        var seen = await Watch(async () =>
        {
            await client.Send(Query(sql));
            Assert.Equal('G', (await client.Read())!.Value.Type);
            return await client.Ask([.. parts.Select(part => PgFrame.Of('d', part)), Frames.CopyDone]);
        });
        Assert.Equal("C[COPY 2] ZI", Story(seen.Answer));
        var (statement, result) = Recorded(seen);
        Assert.Equal(("simple", sql, "copy-from"), (statement.Protocol!, statement.Text!, Kinds(statement)));
        Assert.Equal(("completed", "I", "COPY 2"), (result.Outcome!, result.Status!, result.Tag!));
        Assert.Equal((2L, (long)data.Length), (result.Rows!.Value, result.Bytes!.Value));
        var copy = Assert.Single(agent.Entries(), e => e.Kind == "copy");
        Assert.Equal($"done: {data.Length} bytes, sha-256 {Convert.ToHexStringLower(SHA256.HashData(data))}", copy.Note);
        Assert.InRange(copy.Seq, statement.Seq + 1, result.Seq - 1);
    }

    private static string Kinds(TranscriptEntry statement) => string.Join(' ', statement.Statements!);

    private Task<Seen> Watch(params byte[][] messages) => Watch(() => client.Ask(messages));

    private static async Task<Seen> Watch(Func<Task<List<(char Type, byte[] Body)>>> operation)
    {
        var (from, took) = (TimeProvider.System.GetUtcNow(), Stopwatch.StartNew());
        var answer = await operation();
        return new Seen(answer, from, TimeProvider.System.GetUtcNow(), took.Elapsed);
    }

    /// <summary>The last operation, as it began and as it ended; both when the client saw them, and lasting no longer.</summary>
    private (TranscriptEntry Statement, TranscriptEntry Result) Recorded(Seen seen)
    {
        var entries = agent.Entries();
        var statement = entries.Last(e => e.Kind == "statement");
        var result = Assert.Single(entries, e => e.Kind == "result" && e.Op == statement.Op);
        Assert.InRange(statement.At, seen.From - Rounding, seen.To + Rounding);
        Assert.InRange(result.At, statement.At, seen.To + Rounding);
        Assert.InRange(result.Duration!.Value, 1, (long)seen.Took.TotalMicroseconds);
        return (statement, result);
    }

    private sealed record Seen(List<(char Type, byte[] Body)> Answer, DateTimeOffset From, DateTimeOffset To, TimeSpan Took)
    {
        public long Bytes(char type) => Answer.Where(m => m.Type == type).Sum(m => (long)m.Body.Length);
    }
}
