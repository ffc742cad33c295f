using AccessPlane.Contracts.Policy;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>What is too much is cut with an error, in every way there is to ask for it; what the client was told and what the database did agree.</summary>
public sealed class LimitTests : IAsyncLifetime
{
    private const string Three = "select g from generate_series(1, 3) g";
    private const string Four = "select g from generate_series(1, 4) g";
    private const string Rows = "D[1] D[2] D[3]";

    private WireAgent agent = null!;

    public async ValueTask InitializeAsync()
    {
        agent = await WireAgent.Start();
        await agent.Directly("create table t (id int primary key, v int)", "insert into t select g, 0 from generate_series(1, 100) g", "alter table t owner to " + agent.Database);
    }

    public ValueTask DisposeAsync() => agent.DisposeAsync();

    private void Limit(LimitRule rule) => agent.Publish(model => model with { Limits = [rule] });

    private void LimitRows(long rows = 3) => Limit(new LimitRule("few", "orders", RowsPerStatement: rows));

    [Fact]
    public async Task Rows_beyond_the_limit_are_cut_with_an_error_that_names_the_rule()
    {
        LimitRows();
        using var client = await agent.Connect();
        Assert.Equal($"T {Rows} C[SELECT 3] ZI", Story(await client.Ask(Query(Three))));
        var answer = await client.Ask(Query(Four));
        Assert.Equal($"T {Rows} E54000 ZI", Story(answer));
        Assert.Equal("cut off by `few`: it returns more than 3 rows", Field(answer.Single(m => m.Type == 'E').Body, 'M'));
        Assert.Equal($"T {Rows} C[SELECT 3] ZI", Story(await client.Ask(Query(Three))));
        Assert.Contains(agent.Transcript(), line => line.Contains("\"kind\":\"limit\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_long_result_is_cancelled_in_the_database_and_not_read_to_its_end()
    {
        LimitRows();
        using var client = await agent.Connect();
        var cancelled = await client.Ask(Query("select g, case when g > 50000 then pg_sleep(1) end from generate_series(1, 50400) g")).WaitAsync(TimeSpan.FromSeconds(20));
        Assert.EndsWith("E54000 ZI", Story(cancelled), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inside_a_transaction_what_was_cut_fails_the_transaction()
    {
        LimitRows();
        using var client = await agent.Connect();
        await client.Ask(Query("begin"));
        Assert.Equal($"T {Rows} E54000 ZE", Story(await client.Ask(Query(Four))));
        Assert.Equal("E25P02 ZE", Story(await client.Ask(Query("select 1"))));
        Assert.Equal("C[ROLLBACK] ZI", Story(await client.Ask(Query("commit"))));
    }

    [Fact]
    public async Task In_the_extended_protocol_what_was_cut_fails_its_whole_unit()
    {
        LimitRows();
        using var client = await agent.Connect();
        byte[][] unit =
        [
            Parse("", "update t set v = 1 where id = 1"), Bind("", ""), Execute(), Parse("", Four), Bind("", ""), Execute(),
            Parse("", "update t set v = 2 where id = 2"), Bind("", ""), Execute(), Sync,
        ];
        Assert.Equal($"1 2 C[UPDATE 1] 1 2 {Rows} E54000 ZI", Story(await client.Ask(unit)));
        Assert.Equal(0L, await agent.Ask("select sum(v) from t"));
        Assert.Equal($"1 2 {Rows} C[SELECT 3] ZI", Story(await client.Ask(Parse("", Three), Bind("", ""), Execute(), Sync)));
        Assert.Equal($"1 2 {Rows} E54000 ZI", Story(await client.Ask(Parse("", Four), Bind("", ""), Execute(), Sync)));
        Assert.Equal("1 2 D[1] D[2] s ZI", Story(await client.Ask(Parse("", Four), Bind("", ""), Execute("", 2), Sync)));
    }

    [Fact]
    public async Task A_write_that_returns_too_many_rows_is_undone_in_the_extended_protocol()
    {
        LimitRows();
        using var client = await agent.Connect();
        var answer = await client.Ask(Parse("", "update t set v = 1 where id <= 4 returning id"), Bind("", ""), Execute(), Sync);
        Assert.EndsWith("E54000 ZI", Story(answer), StringComparison.Ordinal);
        Assert.Equal(0L, await agent.Ask("select sum(v) from t"));
    }

    [Fact]
    public async Task Copy_and_bytes_are_bounded_as_well()
    {
        LimitRows();
        using var client = await agent.Connect();
        Assert.Equal("H d d d E54000 ZI", Story(await client.Ask(Query("copy (select id from t order by id) to stdout"))));
        Limit(new LimitRule("small", "orders", BytesPerStatement: 1000));
        var answer = await client.Ask(Query("select repeat('x', 600) from generate_series(1, 2)"));
        Assert.StartsWith("T D[", Story(answer), StringComparison.Ordinal);
        Assert.Equal("cut off by `small`: it returns more than 1,000 bytes", Field(answer.Single(m => m.Type == 'E').Body, 'M'));
        Assert.Equal("T D[1] C[SELECT 1] ZI", Story(await client.Ask(Query("select 1"))));
    }

    [Fact]
    public async Task A_portal_or_cursor_is_bounded_however_often_it_is_asked_for_more()
    {
        LimitRows();
        using var client = await agent.Connect();
        await client.Ask(Query("begin"));
        Assert.Equal("1 2 D[1] D[2] s ZT", Story(await client.Ask(Parse("", Four), Bind("p", ""), Execute("p", 2), Sync)));
        Assert.Equal("D[3] E54000 ZE", Story(await client.Ask(Execute("p", 2), Sync)));
        await client.Ask(Query("rollback"));
        await client.Ask(Query("begin"));
        await client.Ask(Query($"declare c cursor for {Four}"));
        await client.Ask(Query($"declare d cursor for {Four}"));
        Assert.Equal("T D[1] D[2] C[FETCH 2] ZT", Story(await client.Ask(Query("fetch 2 from c"))));
        Assert.Equal("T D[1] C[FETCH 1] ZT", Story(await client.Ask(Query("fetch 1 from d"))));
        Assert.Equal("T D[3] E54000 ZE", Story(await client.Ask(Query("fetch 2 from c"))));
    }

    [Fact]
    public async Task A_statement_that_runs_too_long_is_cancelled_and_the_session_lives()
    {
        Limit(new LimitRule("quick", "orders", StatementTimeout: TimeSpan.FromMilliseconds(300)));
        using var client = await agent.Connect();
        var answer = await client.Ask(Query("select pg_sleep(60)")).WaitAsync(TimeSpan.FromSeconds(90));
        Assert.Equal("T E57014 ZI", Story(answer).Replace("T T", "T", StringComparison.Ordinal));
        Assert.Equal("cancelled by `quick`: it ran longer than 0.3 s", Field(answer.Single(m => m.Type == 'E').Body, 'M'));
        Assert.Equal("1 2 E57014 ZI", Story(await client.Ask(Parse("", "select pg_sleep(60)"), Bind("", ""), Execute(), Sync)));
        Assert.Equal("T D[1] C[SELECT 1] ZI", Story(await client.Ask(Query("select 1"))));
    }

    [Fact]
    public async Task An_idle_session_ends_and_a_busy_one_does_not()
    {
        Limit(new LimitRule("idle", "orders", Idle: TimeSpan.FromSeconds(1)));
        using var busy = await agent.Connect();
        var asked = busy.Ask(Query("select pg_sleep(2.5)"));
        using var idle = await agent.Connect();
        var end = await idle.Read();
        Assert.Equal("57P01", Field(end!.Value.Body, 'C'));
        Assert.Contains("`idle`", Field(end.Value.Body, 'M'), StringComparison.Ordinal);
        Assert.EndsWith("C[SELECT 1] ZI", Story(await asked), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_session_that_idles_in_a_transaction_ends_and_its_locks_with_it_and_one_outside_of_any_does_not()
    {
        Limit(new LimitRule("open", "orders", IdleInTransaction: TimeSpan.FromSeconds(1)));
        using var outside = await agent.Connect();
        using var failed = await agent.Connect();
        Assert.Equal("C[BEGIN] ZT", Story(await failed.Ask(Query("begin"))));
        Assert.EndsWith("ZE", Story(await failed.Ask(Query("select 1/0"))), StringComparison.Ordinal);
        using var open = await agent.Connect();
        Assert.EndsWith("ZT", Story(await open.Ask(Query("begin; update t set v = 1 where id = 1"))), StringComparison.Ordinal);
        var next = await agent.Connect();
        var waits = next.Ask(Query("update t set v = 2 where id = 1"));
        Assert.Equal("57P01 nothing was asked for 1 s inside a transaction, which is all that `open` allows: connect again", await open.Refusal());
        Assert.StartsWith("57P01 ", await failed.Refusal(), StringComparison.Ordinal);
        Assert.Equal("C[UPDATE 1] ZI", Story(await waits));
        await outside.StillWorks();
        next.Dispose();
    }

    [Fact]
    public async Task A_session_that_has_lasted_too_long_ends_even_while_it_works()
    {
        using var client = await agent.Connect();
        Limit(new LimitRule("day", "orders", Session: TimeSpan.FromSeconds(1)));
        await client.Send(Query("select pg_sleep(60)"));
        var answer = await client.UntilReady();
        Assert.Equal("the session has lasted 1 s, which is all that `day` allows: connect again", Field(answer[^1].Body, 'M'));
        await WireAgent.Until(() => Task.FromResult(agent.Live.Count == 0));
        Assert.Contains(agent.Transcript(), l => l.Contains("\"cause\":\"limit\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Statements_that_come_too_fast_wait()
    {
        Limit(new LimitRule("pace", "orders", StatementsPerSecond: 20));
        using var client = await agent.Connect();
        var began = TimeProvider.System.GetTimestamp();
        for (var i = 0; i < 40; i++)
        {
            Assert.Equal("T D[1] C[SELECT 1] ZI", Story(await client.Ask(Query("select 1"))));
        }
        Assert.True(TimeProvider.System.GetElapsedTime(began) > TimeSpan.FromMilliseconds(900));
    }

    [Fact]
    public async Task Only_so_many_connections_are_open_at_a_time()
    {
        Limit(new LimitRule("two", "orders", Connections: 2));
        using var one = await agent.Connect();
        using (var two = await agent.Connect())
        {
            await Assert.ThrowsAsync<WireError>(() => agent.Connect());
        }
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (agent.Listener.Sessions > 1)
        {
            patience.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
        using var again = await agent.Connect();
    }
}
