using AccessPlane.Contracts.Policy;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>A write that changes more rows than its guardrail bounds it to is undone; what cannot be counted is not done.</summary>
public sealed class BoundedWriteTests : IAsyncLifetime
{
    private WireAgent agent = null!;

    public async ValueTask InitializeAsync()
    {
        agent = await WireAgent.Start();
        await agent.Directly("create table t (id int primary key, v int)", "insert into t select g, 0 from generate_series(1, 100) g", "alter table t owner to " + agent.Database);
    }

    public ValueTask DisposeAsync() => agent.DisposeAsync();

    private void Bound(string kind = "update", long rows = 10) => agent.Publish(model => model with
    {
        Guardrails = [new Guardrail("bulk", "orders", Match.Everything with { Statements = [kind] }, Effect.Flag, MaxRows: rows)],
    });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_write_of_more_rows_than_its_bound_is_rolled_back_and_one_within_it_lasts(bool extended)
    {
        Bound();
        using var client = await agent.Connect();
        byte[][] Asked(string sql) => extended ? [Parse("", sql), Bind("", ""), Execute(), Sync] : [Query(sql)];
        var before = extended ? "1 2 " : "";
        Assert.Equal($"{before}C[UPDATE 10] ZI", Story(await client.Ask(Asked("update t set v = 1 where id <= 10"))));
        Assert.Equal(10L, await agent.Ask("select sum(v) from t"));
        var answer = await client.Ask(Asked("update t set v = 2 where id <= 11"));
        Assert.Equal($"{before}E42501 ZI", Story(answer));
        Assert.Equal("denied by `bulk`: it would have changed 11 rows, more than 10, and was rolled back", Field(answer.Single(m => m.Type == 'E').Body, 'M'));
        Assert.Equal(10L, await agent.Ask("select sum(v) from t"));
        Assert.Equal($"{before}E22012 ZI", Story(await client.Ask(Asked("update t set v = 1 / (id - 1) where id = 1"))));
        Assert.Equal("T D[1] C[SELECT 1] ZI", Story(await client.Ask(Query("select 1"))));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Inside_a_transaction_a_write_beyond_its_bound_fails_the_transaction(bool extended)
    {
        Bound();
        using var client = await agent.Connect();
        byte[][] Asked(string sql) => extended ? [Parse("", sql), Bind("", ""), Execute(), Sync] : [Query(sql)];
        var before = extended ? "1 2 " : "";
        Assert.Equal("C[BEGIN] ZT", Story(await client.Ask(Query("begin"))));
        Assert.Equal($"{before}C[UPDATE 1] ZT", Story(await client.Ask(Asked("update t set v = 1 where id = 1"))));
        Assert.Equal($"{before}E42501 ZE", Story(await client.Ask(Asked("update t set v = 1"))));
        Assert.Equal("C[ROLLBACK] ZI", Story(await client.Ask(Query("commit"))));
        Assert.Equal(0L, await agent.Ask("select sum(v) from t"));
    }

    [Fact]
    public async Task A_bound_that_only_shows_when_the_transaction_ends_is_told_as_the_database_tells_it()
    {
        Bound("insert");
        await agent.Directly("create table u (id int unique deferrable initially deferred)", "alter table u owner to " + agent.Database);
        using var client = await agent.Connect();
        var first = await client.Ask(Query("insert into u values (1)"));
        Assert.True(Story(first) == "C[INSERT 0 1] ZI", Field(first[0].Body, 'M'));
        Assert.Equal("E23505 ZI", Story(await client.Ask(Query("insert into u values (1)"))));
        Assert.Equal(1L, await agent.Ask("select count(*) from u"));
    }

    [Theory]
    [InlineData("update t set v = 1; update t set v = 2")]
    [InlineData("with x as (update t set v = 1 returning id) select count(*) from x")]
    [InlineData("explain analyze update t set v = 1")]
    public async Task A_write_whose_rows_nobody_counts_is_refused_where_there_is_a_bound(string sql)
    {
        Bound();
        using var client = await agent.Connect();
        Assert.Equal("E42501 ZI", Story(await client.Ask(Query(sql))));
        Assert.Equal("E42501 ZI", Story(await client.Ask(Parse("", sql), Bind("", ""), Execute(), Sync)));
        Assert.Equal(0L, await agent.Ask("select sum(v) from t"));
    }

    [Fact]
    public async Task A_pipeline_of_bounded_writes_stops_at_the_first_that_is_too_large()
    {
        Bound();
        using var client = await agent.Connect();
        byte[][] unit =
        [
            Parse("", "update t set v = 1 where id = 1"), Bind("", ""), Execute(), Parse("", "update t set v = 1"), Bind("", ""), Execute(),
            Parse("", "select 1"), Bind("", ""), Execute(), Sync,
        ];
        Assert.Equal("1 2 C[UPDATE 1] 1 2 E42501 ZI", Story(await client.Ask(unit)));
        Assert.Equal(0L, await agent.Ask("select sum(v) from t"));
        Assert.Equal("1 2 D[1] C[SELECT 1] ZI", Story(await client.Ask(Parse("", "select 1"), Bind("", ""), Execute(), Sync)));
    }

    [Fact]
    public async Task What_else_a_write_changes_than_its_own_rows_cannot_be_bounded_and_so_is_not_done()
    {
        await agent.Directly(
            $"""
            set role {agent.Database};
            create schema b; create table b.child (id int references t on delete cascade on update cascade); insert into b.child select 1 from generate_series(1, 100);
            create function b.purge() returns trigger language plpgsql as $$ begin delete from b.child; return null; end $$;
            create table b.plain (id int primary key, v int); insert into b.plain values (1, 0);
            create table b.watched (id int); insert into b.watched select g from generate_series(1, 100) g;
            create trigger purge after update on b.watched for each statement execute function b.purge();
            create function b.deletes() returns bool language sql as 'delete from b.child returning true'
            """);
        agent.Publish(model => model with { Guardrails = [new Guardrail("bulk", "orders", Match.Everything, Effect.Flag, MaxRows: 10)] });
        using var client = await agent.Connect();
        async Task<string> Told(string sql) =>
            (await client.Ask(Query(sql))) is var answer && answer.FirstOrDefault(m => m.Type == 'E') is { Type: 'E' } error ? Field(error.Body, 'M') : Story(answer);
        foreach (var sql in new[]
        {
            "delete from t where id = 1", "update t set id = 1001 where id = 1", "update b.watched set id = 2 where id = 1", "delete from b.watched where b.deletes()",
            "with more as (delete from b.child returning id) delete from b.watched where id = 1", "do $$ begin execute 'delete from b.child'; end $$",
        })
        {
            Assert.StartsWith("denied by `bulk`: the rows that it changes cannot be counted", await Told(sql), StringComparison.Ordinal);
        }
        Assert.Equal(100L, await agent.Ask("select count(*) from b.child"));
        Assert.Equal("C[UPDATE 1] ZI", await Told("update t set v = 1 where id = 1"));
        Assert.Equal("C[INSERT 0 1] ZI", await Told("insert into b.plain values (1, 1) on conflict (id) do update set v = 2"));
        Assert.StartsWith("denied by `bulk`: it would have changed 100 rows", await Told("delete from b.watched"), StringComparison.Ordinal);
    }
}
