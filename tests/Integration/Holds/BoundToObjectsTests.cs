using AccessPlane.Tests.Integration.Wire;
using Xunit;
using static AccessPlane.Tests.Integration.Holds.HeldDeletes;
using static AccessPlane.Tests.Integration.Wire.RawClient;

namespace AccessPlane.Tests.Integration.Holds;

/// <summary>What was approved is what runs, down to the functions and tables behind its names; and nothing of it runs before.</summary>
public sealed class BoundToObjectsTests
{
    private const string Few = "language plpgsql immutable as $$ begin return a < 3; end $$";

    /// <summary>Functions, views and tables that mean something else while a statement waits.</summary>
    [Theory]
    [InlineData("simple", "delete from h where few(a)", "create or replace function few(a int) returns bool language plpgsql immutable as $$ begin return a < 300; end $$")]
    [InlineData("extended", "delete from h where few(a)", "create or replace function few(a int) returns bool language plpgsql immutable as $$ begin return a < 300; end $$")]
    [InlineData("simple", "delete from v where a < 3", "create or replace view v as select * from h where a < 100")]
    [InlineData("simple", "delete from h where a < 3", "drop view v; drop table h; create table h (a int); insert into h select generate_series(1, 10); grant all on h to public")]
    public async Task What_stands_for_something_else_when_it_is_released_does_not_run(string protocol, string sql, string meanwhile)
    {
        await using var agent = await Start();
        await agent.Directly(
            $"create function few(a int) returns bool {Few}", $"create view v as select * from h where a < 5; grant all on v to {agent.Database}");
        byte[][] asked = protocol == "extended" ? [Parse("", sql), Bind("", ""), Execute(), Sync] : [Query(sql)];
        using (var patient = await agent.Connect())
        {
            await patient.Send(asked);
            var first = agent.NextAsked();
            await agent.Directly("create table elsewhere (a int)"); // nothing of its own
            agent.Decide(first, "released");
            Assert.Contains("C[DELETE 2]", Story(await patient.UntilReady()), StringComparison.Ordinal);
        }
        using var client = await agent.Connect();
        await client.Send(asked);
        var held = agent.NextAsked();
        await agent.Directly(meanwhile);
        var before = await Left(agent);
        agent.Decide(held, "released");
        var error = Assert.Single(await client.UntilReady(), m => m.Type == 'E');
        Assert.Equal("denied by `bulk`: it is not any more what was approved", Field(error.Body, 'M'));
        Assert.Equal(before, await Left(agent));
    }

    [Theory]
    [InlineData("immutable")]
    [InlineData("stable")]
    public async Task Nothing_of_a_statement_is_run_to_tell_how_much_it_would_do(string promise)
    {
        await using var agent = await Start();
        await agent.Directly(
            $"create function mine() returns int language plpgsql {promise} as $$ begin return 5; end $$", $"alter role {agent.Database} set track_functions = 'all'");
        using var client = await agent.Connect();
        await client.Send(Query("delete from h where a = mine()"));
        await Notice(client);
        var held = agent.NextAsked();
        Assert.Null(held.Rows);
        await Until(() => agent.Backends("true", 1));
        Assert.Equal(0L, await agent.Ask("select coalesce(sum(calls), 0)::bigint from pg_stat_user_functions"));
        agent.Decide(held, "released");
        Assert.Equal("C[DELETE 1] ZI", Story(await client.UntilReady()));
        await client.Send(Query("delete from h where a < 100"));
        await Notice(client);
        held = agent.NextAsked();
        Assert.NotNull(held.Rows);
        agent.Decide(held, "refused");
        await client.UntilReady();
    }

    [Fact]
    public async Task An_approver_sees_what_is_run_by_name_and_that_it_cannot_be_read()
    {
        await using var agent = await Start();
        using var client = await agent.Connect();
        agent.Guard();
        await client.Ask(Query("prepare p as delete from h"));
        agent.Guard(Deletes());
        await client.Send(Query("execute p"));
        await Notice(client);
        var held = agent.NextAsked();
        Assert.Contains(held.Facts.Relations, r => r.Name == "public.h");
        Assert.True(held.Facts.Unbounded);
        agent.Decide(held, "refused");
        await client.UntilReady();

        await client.Send(Query("do $$ begin execute 'delete from h where a = 1'; end $$"));
        var notice = await Notice(client);
        held = agent.NextAsked();
        Assert.NotNull(held.Facts.Opaque);
        Assert.Contains(held.Reasons, r => r.Text.Contains("might hide what rule `bulk` holds", StringComparison.Ordinal));
        Assert.Contains("might hide what rule `bulk` holds", Field(notice, 'D'), StringComparison.Ordinal);
        agent.Decide(held, "released");
        Assert.Equal("C[DO] ZI", Story(await client.UntilReady()));
        Assert.Equal(9, await Left(agent));
    }

    private static async Task Until(Func<Task<bool>> holds) => await WireAgent.Until(holds);
}
