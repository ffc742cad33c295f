using Xunit;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>All the ways that SQL has to values: those past the masks are shut, and the others are open as before.</summary>
public sealed class PastMasksTests
{
    /// <summary>Messages with `|` between them; what came back, in short.</summary>
    [Fact]
    public async Task What_reads_clear_columns_alone_works_in_every_way_that_sql_has()
    {
        await using var shop = await MaskedShop.Open();
        foreach (var (messages, story) in new (string, string)[]
        {
            ("prepare p (int) as select name from customers where id = $1|execute p(1)|execute p (2)|deallocate p", "C[PREPARE] D[Zoe] C[SELECT 1] D[Yan] C[SELECT 1] C[DEALLOCATE]"),
            ("prepare p as select id from customers where id < 3 order by id; execute p", "C[PREPARE] D[1] D[2] C[SELECT 2]"),
            ("begin|declare c cursor for select name from customers order by id|fetch 1 from c|move 1 in c|close c|commit", "C[BEGIN] C[DECLARE CURSOR] D[Zoe] C[FETCH 1] C[MOVE 1] C[CLOSE CURSOR] C[COMMIT]"),
            ("begin; declare c cursor with hold for select region, count(*) from customers group by region order by 1; commit|fetch all from c|close c", "C[BEGIN] C[DECLARE CURSOR] C[COMMIT] D[eu|301] D[us|1] C[FETCH 2] C[CLOSE CURSOR]"),
            ("copy (select id, name from customers where id < 3 order by id) to stdout", "H d[1\tZoe\n] d[2\tYan\n] c C[COPY 2]"),
            ("copy orders (id, customer_id, amount) to stdout (format csv, header)", "H d[id,customer_id,amount\n] d[1,1,50\n] d[2,2,70\n] c C[COPY 2]"),
            ("copy (select id from v_alias where id < 3 order by id) to stdout", "H d[1\n] d[2\n] c C[COPY 2]"),
            ("copy (select name from (select * from customers) x where id = 1) to stdout", "H d[Zoe\n] c C[COPY 1]"),
            ("explain (costs off) select name from customers where id < 999", "D[Seq Scan on customers] D[  Filter: (id < 999)] C[EXPLAIN]"),
            ("explain (costs off) select txt from pub", "D[Seq Scan on pub] C[EXPLAIN]"),
            ("explain (costs off, analyze, timing off, summary off, buffers off) select count(*) from (select 1 from customers limit 1) x", "D[Aggregate (actual rows=1 loops=1)] D[  ->  Limit (actual rows=1 loops=1)] D[        ->  Seq Scan on customers (actual rows=1 loops=1)] C[EXPLAIN]"),
            ("select lo_from_bytea(77, '\\x0102')|select lo_get(77)|select lo_unlink(77)", "D[77] C[SELECT 1] D[\\x0102] C[SELECT 1] D[1] C[SELECT 1]"),
        })
        {
            using var client = await shop.Agent.Connect();
            var got = new List<(char Type, byte[] Body)>();
            foreach (var sql in messages.Split('|'))
            {
                got.AddRange(await client.Ask(RawClient.Query(sql)));
            }
            Assert.Equal($"{messages}: {story}", $"{messages}: {string.Join(' ', got.Where(m => m.Type is not ('T' or 'Z')).Select(m => m.Type switch
            {
                'D' => $"D[{string.Join('|', RawClient.Columns(m.Body))}]",
                'd' => $"d[{System.Text.Encoding.UTF8.GetString(m.Body)}]",
                'C' => $"C[{RawClient.Text(m.Body)}]",
                'E' => $"E[{RawClient.Field(m.Body, 'M')}]",
                _ => $"{m.Type}",
            }))}");
        }
    }

    /// <summary>The last message is the one that must be refused, whatever led to it.</summary>
    [Fact]
    public async Task What_would_carry_masked_values_elsewhere_is_refused()
    {
        await using var shop = await MaskedShop.Open();
        foreach (var messages in new[]
        {
            "prepare p as select ssn from customers",
            "prepare p as select id from customers where ssn = $1",
            "begin|declare c cursor for select name, (select card from customers where id = 2) from customers",
            "begin|declare c cursor for select c from customers c",
            "copy (select id, tags from customers) to stdout",
            "copy (select c.* from customers c) to stdout",
            "copy (update customers set notes = 'x' where id = 1 returning salary) to stdout",
            "copy customers (id, ssn) to stdout",
            "copy orders to stdout",
            "copy customers (id, name, region) from stdin",
            "explain select id from customers where salary > 100",
            "explain analyze select id from customers order by card",
            "explain select id from v_customers",
            "explain select id from (select id, ssn from customers offset 0) x",
            "copy (select id, concat(ref, '') from v_alias) to stdout",
            "prepare p as select id from customers where id = 1; select concat(ssn, '') from customers",
            "begin|declare c cursor for select id from v_alias; select upper(ref) from v_alias",
            "explain update customers set notes = 'x' where id = 1",
            "explain insert into customers (id, name, region) values (5000, 'x', 'eu')",
            "prepare p as select id from v_customers|explain execute p",
            "prepare p as select name from customers where id = 1|create table copy_of as execute p",
            "select lo_from_bytea(78, ssn::bytea) from customers where id = 1",
            "select lo_from_bytea(78, (select photo from customers where id = 1))",
            "select lo_export(78, 'x')",
            "select pg_notify('news', ssn) from customers",
        })
        {
            using var client = await shop.Agent.Connect();
            var got = new List<(char Type, byte[] Body)>();
            foreach (var sql in messages.Split('|'))
            {
                Assert.True(got.TrueForAll(m => m.Type != 'E'), messages);
                got = await client.Ask(RawClient.Query(sql));
            }
            Assert.Equal($"{messages}: 42501", $"{messages}: {got.Where(m => m.Type == 'E').Select(m => RawClient.Field(m.Body, 'C')).FirstOrDefault()}");
        }
    }

    /// <summary>What is made under masks runs for others too, and later: nobody's statement brings a masked value to where it can be read.</summary>
    [Fact]
    public async Task Nothing_can_be_made_that_collects_masked_values()
    {
        await using var shop = await MaskedShop.Open();
        await shop.Agent.Directly(
            "create function shop.tell(a text) returns void language plpgsql as 'begin end'",
            "create function shop.told() returns trigger language plpgsql as 'begin perform shop.tell(new.ssn); return new; end'",
            "create trigger told after update on shop.customers for each row execute function shop.told()");
        string[] attempts =
        [
            "create or replace function shop.told() returns trigger language plpgsql as 'begin insert into shop.pub values (91, new.ssn, 1); return new; end'",
            "create or replace function shop.tell(a text) returns void language sql as 'insert into shop.pub values (92, a, 1)'",
            "create function shop.tell(a varchar) returns void language sql as 'insert into shop.pub values (93, a, 1)'",
            "drop function shop.tell(text)",
            "create function shop.tell(a text) returns void language sql as 'insert into shop.pub values (94, a, 1)'",
            "create function shop.gathers() returns trigger language plpgsql as 'begin insert into shop.pub values (95, new.ssn, 1); return new; end'",
            "create trigger gathers after update on shop.customers for each row execute function shop.gathers()",
            "create trigger gathers after update on shop.orders for each row execute function shop.gathers()",
            "create function shop.ssn_of(c shop.customers) returns text language sql as 'select c.ssn'",
            "select c.ssn_of from customers c where id = 1",
            "select ssn_of(c) from customers c where id = 1",
            "select shop.gathers_of(c) from customers c",
            "create function pg_temp.of_it(a anyelement) returns text language sql as 'select a::text'",
            "select pg_temp.of_it(c) from customers c where id = 1",
            "select pg_sleep(0.1); select c.not_yet_there from customers c",
            "create rule r as on update to customers do also insert into pub values (96, new.ssn, 1)",
            "do $$ begin create function shop.inside() returns text language sql as 'select ssn from shop.customers limit 1'; end $$",
            "select shop.inside()",
            "begin; create function shop.later() returns text language sql as 'select txt from shop.pub limit 1'; select shop.later()",
            "rollback",
        ];
        using var client = await shop.Agent.Connect();
        var got = new List<(char Type, byte[] Body)>();
        foreach (var sql in attempts)
        {
            got.AddRange(await client.Ask(RawClient.Query(sql)));
        }
        Assert.Equal(0L, await shop.Agent.Ask("select count(*) from pg_proc where proname = 'tell'")); // dropped, and nothing is in its place
        await shop.Agent.Directly("create function shop.tell(a text) returns void language plpgsql as 'begin end'");
        // somebody else's writes, past the agent: what they set off is what was made
        await shop.Agent.Directly("set search_path = shop, public; update customers set ssn = ssn, notes = 'seen'; update orders set amount = amount + 1");
        got.AddRange(await client.Ask(RawClient.Query("select * from pub")));
        Assert.DoesNotContain(got, m => RawClient.Text(m.Body).Contains("900-11-2233", StringComparison.Ordinal));
        Assert.Equal(20L, await shop.Agent.Ask("select count(*) from shop.pub"));
        Assert.Equal(20, got.Count(m => m.Type == 'D'));
    }

    /// <summary>What is not there yet may be there a moment later, made by somebody else.</summary>
    [Fact]
    public async Task A_function_or_view_that_was_not_there_is_judged_once_it_is()
    {
        await using var shop = await MaskedShop.Open();
        using var client = await shop.Agent.Connect();
        async Task<string> Code(string sql) => (await client.Ask(RawClient.Query(sql))).Where(m => m.Type == 'E').Select(m => RawClient.Field(m.Body, 'C')).FirstOrDefault() ?? "";
        await Code("select 1");
        Assert.Equal("42883", await Code("select shop.soon(1)"));
        Assert.Equal("42P01", await Code("select * from shop.sometime"));
        await shop.Agent.Directly(
            "create function shop.soon(i int) returns text language sql as 'select ssn from shop.customers where id = i'",
            "create view shop.sometime as select ssn || '' as x from shop.customers");
        Assert.Equal("42501", await Code("select shop.soon(1)"));
        Assert.DoesNotContain(await client.Ask(RawClient.Query("select * from shop.sometime")), m => RawClient.Text(m.Body).Contains("900-11-2233", StringComparison.Ordinal));
    }

    /// <summary>What the protocol has prepared with masked columns cannot be had by its name in SQL.</summary>
    [Fact]
    public async Task A_statement_or_portal_of_the_protocol_with_masked_columns_is_not_run_by_sql()
    {
        await using var shop = await MaskedShop.Open();
        using var client = await shop.Agent.Connect();
        await client.Ask(RawClient.Parse("s", "select ssn from customers where id = 1"), RawClient.Sync);
        Assert.Contains(await client.Ask(RawClient.Query("execute s")), m => m.Type == 'E');
        await client.Ask(RawClient.Query("begin"));
        await client.Ask(RawClient.Bind("p", "s"), RawClient.Sync);
        Assert.Contains(await client.Ask(RawClient.Query("fetch all from p")), m => m.Type == 'E');
    }
}
