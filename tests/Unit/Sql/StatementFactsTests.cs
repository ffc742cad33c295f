using AccessPlane.Contracts.Sql;
using Xunit;

namespace AccessPlane.Tests.Unit.Sql;

public sealed class StatementFactsTests
{
    private readonly FactsOf facts = new();

    [Theory]
    [InlineData("select * from pub", "shop.pub")]
    [InlineData("select * from shop.pub p join orders o on o.id = p.id", "shop.pub shop.orders")]
    [InlineData("select * from pub; select * from pub", "shop.pub")]
    [InlineData("with pub as (select 1) select * from pub", "")]
    [InlineData("with pub as (select * from pub) select * from pub", "shop.pub")]
    [InlineData("with recursive pub as (select 1 union all select * from pub) select * from pub", "")]
    [InlineData("with a as (select 1), b as (select * from a) select * from b, shop.a", "shop.a")]
    [InlineData("with a as (select * from b), b as (select 1) select * from a", ".b")]
    [InlineData("with a as (with pub as (select 1) select * from pub) select * from a, pub", "shop.pub")]
    [InlineData("select * from (select * from orders) pub", "shop.orders")]
    [InlineData("select (select count(*) from orders) from pub", "shop.orders shop.pub")]
    [InlineData("select * from nowhere, hr.salaries", ".nowhere hr.salaries")]
    [InlineData("select 1 from pub union select 2 from orders", "shop.pub shop.orders")]
    [InlineData("table pub", "shop.pub")]
    [InlineData("select * from pub for update of pub", "shop.pub")]
    [InlineData("insert into pub values (1)", "shop.pub+")]
    [InlineData("insert into pub select id from orders", "shop.pub+ shop.orders")]
    [InlineData("insert into pub values (1) returning *", "shop.pub±")]
    [InlineData("update pub set n = 1", "shop.pub+")]
    [InlineData("update pub set n = 1 where id = 1", "shop.pub±")]
    [InlineData("update pub set n = 1 from orders o where o.id = pub.id", "shop.pub± shop.orders")]
    [InlineData("delete from pub using orders where orders.id = pub.id", "shop.pub± shop.orders")]
    [InlineData("with d as (delete from pub where id = 1 returning *) select * from d", "shop.pub±")]
    [InlineData("with pub as (select 1) delete from pub where n = 1", "shop.pub±")]
    [InlineData("merge into pub p using orders o on o.id = p.id when matched then delete", "shop.pub± shop.orders")]
    [InlineData("truncate pub, orders", "shop.pub+ shop.orders+")]
    [InlineData("copy pub to stdout", "shop.pub")]
    [InlineData("copy pub from stdin", "shop.pub+")]
    [InlineData("copy (select * from orders) to stdout", "shop.orders")]
    [InlineData("drop table pub, hr.x", "shop.pub+ hr.x+")]
    [InlineData("alter table pub rename to q", "shop.pub+")]
    [InlineData("alter table pub drop column n", "shop.pub+")]
    [InlineData("create table t as select * from pub", "shop.pub .t+")]
    [InlineData("select * into t from pub", ".t+ shop.pub")]
    [InlineData("create view v as select * from pub", ".v+ shop.pub")]
    [InlineData("create index on pub (n)", "shop.pub+")]
    [InlineData("create table t (id int references pub)", ".t+ shop.pub+")]
    [InlineData("grant select on pub to somebody", "shop.pub+")]
    [InlineData("lock table pub", "shop.pub+")]
    [InlineData("vacuum pub", "shop.pub+")]
    [InlineData("explain delete from pub", "shop.pub")]
    [InlineData("explain analyze delete from pub", "shop.pub+")]
    [InlineData("prepare p as select * from pub", "shop.pub")]
    [InlineData("declare c cursor for select * from pub", "shop.pub")]
    [InlineData("do $$ begin delete from pub; end $$", "shop.pub+")]
    public void Relations_are_found_wherever_they_stand(string sql, string relations) => Assert.Equal(relations, facts.Relations(sql));

    [Theory]
    [InlineData("select id from pub", "shop.pub.id:O")]
    [InlineData("select p.id from pub p where p.txt = 'a' order by n", "shop.pub.id:O shop.pub.txt:P shop.pub.n:R")]
    [InlineData("select * from pub", "shop.pub.*:O")]
    [InlineData("select p from pub p", "shop.pub.*:O")]
    [InlineData("select upper(ssn) from customers", "shop.customers.ssn:OE")]
    [InlineData("select 1 from customers where exists (select ssn)", "shop.customers.ssn:E")]
    [InlineData("select count(*) from customers group by region having max(ssn) > 'x'", "shop.customers.region:G shop.customers.ssn:P")]
    [InlineData("select 1 from (select ssn from customers) c where c.ssn = 'x'", "shop.customers.ssn:OP")]
    [InlineData("select 1 from (select ssn as s, id from customers) c where s = 'x'", "shop.customers.ssn:OP shop.customers.id:O")]
    [InlineData("select 1 from (select * from customers) c where c.ssn = 'x'", "shop.customers.*:O shop.customers.ssn:P")]
    [InlineData("with c as (select ssn from customers) select 1 from c where ssn = 'x'", "shop.customers.ssn:OP")]
    [InlineData("select 1 from customers c(a, b, s) where s = 'x'", "shop.customers.ssn:P")]
    [InlineData("select ssn as s from customers order by s", "shop.customers.ssn:OR")]
    [InlineData("select id, ssn from customers order by 2", "shop.customers.id:O shop.customers.ssn:OR")]
    [InlineData("select region, count(*) from customers group by 1", "shop.customers.region:OG")]
    [InlineData("select a.id from customers a join orders b using (id)", "shop.customers.id:OP shop.orders.id:P")]
    [InlineData("select (select max(o.amount) from orders o where o.customer_id = c.id) from customers c", "shop.orders.amount:OE shop.orders.customer_id:P shop.customers.id:P")]
    [InlineData("update pub set n = id, txt = 'x' where n = 1 returning txt", "shop.pub.id:E shop.pub.n:PA shop.pub.txt:OA")]
    [InlineData("insert into pub (id, txt) select id, name from customers", "shop.customers.id:E shop.customers.name:E shop.pub.id:A shop.pub.txt:A")]
    [InlineData("insert into pub values (1)", "shop.pub.*:A")]
    [InlineData("copy pub (id, n) to stdout", "shop.pub.id:O shop.pub.n:O")]
    [InlineData("copy pub to stdout", "shop.pub.*:O")]
    [InlineData("select x from nowhere", ".nowhere.x:O")]
    [InlineData("select case when ssn = 'x' then 1 end from customers", "shop.customers.ssn:OPE")]
    [InlineData("select ssn from customers union select name from customers order by 1", "shop.customers.ssn:OR shop.customers.name:OR")]
    [InlineData("select row_number() over (partition by region order by ssn) from customers", "shop.customers.region:G shop.customers.ssn:R")]
    public void Columns_are_found_with_their_places(string sql, string columns) =>
        Assert.Equal(Sorted(columns), Sorted(facts.Columns(sql)));

    private static string Sorted(string columns) => string.Join(' ', columns.Split(' ').Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("delete from pub")]
    [InlineData("update pub set n = 1")]
    [InlineData("update only pub as p set n = 1")]
    [InlineData("truncate pub")]
    [InlineData("delete from pub where true")]
    [InlineData("delete from pub where 't'")]
    [InlineData("delete from pub where 'true'::bool")]
    [InlineData("delete from pub where not false")]
    [InlineData("delete from pub where not not true")]
    [InlineData("delete from pub where 1 = 1")]
    [InlineData("delete from pub where 1 < 2")]
    [InlineData("delete from pub where 'a' = 'a'")]
    [InlineData("delete from pub where 'a' <> 'b'")]
    [InlineData("delete from pub where id = id")]
    [InlineData("delete from pub where pub.id >= pub.id")]
    [InlineData("delete from pub where id is not distinct from id")]
    [InlineData("delete from pub where id is not null")]
    [InlineData("delete from pub where ctid is not null")]
    [InlineData("delete from pub where pub is not null")]
    [InlineData("delete from pub where n is null or n is not null")]
    [InlineData("delete from pub where n = 1 or not (n = 1)")]
    [InlineData("delete from pub where n = 1 or true")]
    [InlineData("delete from pub where n = 1 or $1 is null")]
    [InlineData("delete from pub where (id = id) is true")]
    [InlineData("delete from pub where coalesce(true, false)")]
    [InlineData("delete from pub where case when true then true else true end")]
    [InlineData("delete from pub where txt like '%'")]
    [InlineData("delete from pub where id in (id)")]
    [InlineData("delete from pub where id between id and id")]
    [InlineData("delete from pub where id in (select id from pub)")]
    [InlineData("delete from pub where exists (select 1)")]
    [InlineData("delete from pub where exists (select 1 from orders)")]
    [InlineData("delete from pub where now() is not null")]
    [InlineData("delete from pub where $1")]
    [InlineData("delete from pub using orders where orders.id is not null")]
    [InlineData("delete from pub using orders o where o.amount > 3")]
    [InlineData("with d as (delete from pub) select 1")]
    [InlineData("explain analyze delete from pub")]
    [InlineData("explain (analyze \"on\") delete from pub")]
    [InlineData("merge into pub using orders on true when matched then delete")]
    [InlineData("do $$ begin delete from pub; end $$")]
    [InlineData("do $$ declare r record; begin for r in select id from pub loop delete from pub where id = r.id; end loop; end $$")]
    [InlineData("copy (delete from pub returning *) to stdout")]
    [InlineData("prepare p as delete from pub")]
    public void A_write_without_a_bound_is_one_however_it_is_written(string sql) => Assert.True(facts[sql].Unbounded, sql);

    [Theory]
    [InlineData("delete from pub where id = 1")]
    [InlineData("delete from pub where pub.id = $1")]
    [InlineData("delete from pub p where p.id = 1 and true")]
    [InlineData("delete from pub where false")]
    [InlineData("delete from pub where txt is not null")]
    [InlineData("delete from pub where id in (1, 2)")]
    [InlineData("delete from pub where id in (select customer_id from orders)")]
    [InlineData("delete from pub where exists (select 1 from orders o where o.id = pub.id)")]
    [InlineData("delete from pub using orders o where o.id = pub.id and pub.id = 1")]
    [InlineData("delete from pub using orders where n = amount")]
    [InlineData("delete from pub where current of c")]
    [InlineData("update pub set n = 1 where coalesce(n, 0) = 0")]
    [InlineData("insert into pub values (1) on conflict (id) do update set n = 1")]
    [InlineData("insert into pub select * from pub")]
    [InlineData("select * from pub")]
    [InlineData("explain delete from pub")]
    [InlineData("merge into pub using orders o on o.id = pub.id when matched then delete")]
    public void A_write_that_picks_rows_is_bounded(string sql) => Assert.False(facts[sql].Unbounded, sql);

    [Fact]
    public void Functions_are_found_by_their_full_names()
    {
        Assert.Equal(["pg_catalog.lower", "pg_catalog.now"], facts["select lower(txt), now() from pub"].Functions);
        Assert.Equal(["pg_catalog.pg_read_file"], facts["select \"pg_read_file\" ('x')"].Functions);
        Assert.Null(facts["select lower(txt) from pub"].Opaque);
        Assert.Equal([".nobody_knows"], facts["select nobody_knows(1)"].Functions);
        Assert.Contains("nobody_knows", facts["select nobody_knows(1)"].Opaque, StringComparison.Ordinal);
        Assert.NotNull(facts["select query_to_xml('drop table pub', true, true, '')"].Opaque);
    }

    [Fact]
    public void A_functions_body_counts_wherever_it_is_called()
    {
        facts.Function("shop.purge", 0, "plpgsql", "begin delete from shop.pub; return 1; end");
        facts.Function("shop.wipe", 0, "sql", "select shop.purge()");
        facts.Function("shop.lower", 1, "plpgsql", "begin delete from shop.pub; return 'x'; end");
        facts.Function("shop.tree", 1, "plpgsql", "begin return shop.leaf($1) + (select n from pub); end");
        facts.Function("shop.leaf", 1, "plpgsql", "begin return shop.tree($1); end");
        facts.Function("shop.native", 0, "c", null);
        facts.Function("shop.of_pub", 1, "sql", "delete from orders");
        facts.Operator("shop", "%%%", "shop.purge").Type("shop", "dm", "shop.purge");
        foreach (var sql in new[] { "select purge()", "select * from purge()", "select wipe()", "select lower('a'::varchar)", "select 1 %%% 1", "select 5::dm", "select dm(5)", "call purge()" })
        {
            Assert.True(facts[sql] is { Unbounded: true, Opaque: null } of && of.Has("delete"), sql);
            Assert.Contains(facts[sql].Relations, r => r is { Name: "shop.pub", Access: RelationAccess.Write });
        }
        Assert.Equal("shop.pub", facts.Relations("select tree(1)"));
        Assert.Null(facts["select tree(1)"].Opaque);
        Assert.Contains("shop.native", facts["select native()"].Opaque, StringComparison.Ordinal);
        Assert.True(facts["select p.of_pub from pub p"].Has("delete"));
        Assert.True(facts["select (p).of_pub from pub p"].Has("delete"));
    }

    [Fact]
    public void What_only_shows_while_it_runs_is_opaque()
    {
        foreach (var sql in new[]
        {
            "do $$ begin execute 'drop table ' || 'pub'; end $$", "do language plpgsql $$ begin execute convert_from(decode('44','hex'),'UTF8'); end $$",
            "do language plpython3u $$ import os $$", "do $$ this is no plpgsql $$", "drop table pub cascade",
        })
        {
            Assert.NotNull(facts[sql].Opaque);
        }
        Assert.Null(facts["do $$ begin perform count(*) from pub; end $$"].Opaque);
    }

    [Fact]
    public void What_a_relation_brings_along_is_followed()
    {
        facts.Function("shop.purge", 0, "sql", "delete from shop.pub");
        facts.Table("shop.v", "id", 'v', r => r with { Reads = ["shop.customers"], Columns = [new PgColumn("id", 1, 23, ["shop.customers.ssn"])] });
        facts.Table("shop.bomb", "id", 'v', r => r with { Effects = [new PgEffect((PgEvents)31, null, facts.Oid("shop.purge"))] });
        facts.Table("shop.audited", "id", 'r', r => r with { Effects = [new PgEffect(PgEvents.Insert | PgEvents.Update, "a trigger runs")] });
        facts.Table("shop.events", "id", 'p').Table("shop.events_1", "id", 'r', r => r with { Parents = ["shop.events"] })
            .Table("shop.events_2", "id", 'r', r => r with { Parents = ["shop.events"] });
        Assert.Equal("shop.v shop.customers", facts.Relations("select * from v"));
        Assert.Equal("shop.customers.ssn:P shop.v.id:P", Sorted(facts.Columns("select from v where id = 1")));
        Assert.True(facts["select * from bomb"].Has("delete"));
        Assert.NotNull(facts["insert into audited values (1)"].Opaque);
        Assert.Null(facts["delete from audited where id = 1"].Opaque);
        Assert.Null(facts["select * from audited"].Opaque);
        Assert.Equal("shop.events± shop.events_1± shop.events_2±", facts.Relations("delete from events where id = 1"));
        Assert.Equal("shop.events_1± shop.events±", facts.Relations("delete from events_1 where id = 1"));
    }
}
