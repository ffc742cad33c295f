using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using Xunit;

namespace AccessPlane.Tests.Unit.Masking;

/// <summary>What of a statement's result is masked, and which statements are refused because masked values would show in another way.</summary>
public sealed class MaskPlanTests
{
    [Fact]
    public void A_view_whose_definition_was_never_read_is_left_to_threads_that_may_read_it()
    {
        // a catalog of its own: what was read once is known from then on
        var analyst = new PgAnalyst(Shop.Catalog with { SearchPath = ["shop"] }, PgGrammar.Native);
        Assert.Null(PgParser.ReadSmall("select * from v_pub"u8, analyst));
        Assert.Equal("v_pub", Shop.Facts("select * from v_pub").Relations[0].Name.Split('.')[1]);
    }

    [Theory]
    [InlineData("select 1", "free")]
    [InlineData("select * from pub", "free")]
    [InlineData("select p.txt, count(*) over () from shop.pub p where id < 5 order by n limit 3", "free")]
    [InlineData("with x as (select * from pub) select * from x natural join pub", "free")]
    [InlineData("select * from v_pub", "free")]
    [InlineData("select c.relname, n.nspname from pg_class c, pg_catalog.pg_namespace n where c.relnamespace operator(pg_catalog.=) n.oid", "free")]
    [InlineData("insert into pub values (1, 'x', 2) returning *", "free")]
    [InlineData("begin", "free")]
    [InlineData("do $$ begin perform 1; end $$", "free")]
    [InlineData("explain select * from pub", "free")]
    [InlineData("copy pub to stdout", "free")]
    [InlineData("create table t (id int primary key, at timestamp default now())", "free")]
    [InlineData("create table t as select * from pub", "free")]
    [InlineData("create view v as select * from pub", "free")]
    [InlineData("drop table if exists pub", "free")]
    [InlineData("values (1), (2) order by 1", "free")]
    [InlineData("with recursive c(n) as (select 1 union all select n + 1 from c where n < 5) select * from c", "free")]
    [InlineData("select * from generate_series(1, 3) with ordinality", "free")]
    public void What_touches_no_masked_relation_is_free(string sql, string plan) => Assert.Equal(plan, Shop.Plan(sql));

    [Theory]
    [InlineData("select count(*) from customers")]
    [InlineData("select id, name from customers where id = 1 order by name")]
    [InlineData("select upper(name), tier from shop.customers group by name, tier having count(*) > 1")]
    [InlineData("select o.id, c.name from orders o join customers c on c.id = o.customer_id")]
    [InlineData("select name from (select * from customers) s")]
    [InlineData("with x as (select id, ssn from customers) select id from x")]
    [InlineData("update customers set name = 'x', card = $1 where id = 1")]
    [InlineData("insert into customers (id, name, card) values (1, 'x', '900')")]
    [InlineData("insert into pub select id, name, 1 from customers")]
    [InlineData("delete from customers where id = 7 returning name")]
    [InlineData("select exists (select ssn from customers where id = 1)")]
    [InlineData("select id from events where at > '2024-01-01'")]
    public void Columns_that_are_not_masked_are_clear(string sql) => Assert.Equal("clear", Shop.Plan(sql));

    [Theory]
    [InlineData("select ssn from customers where id=1", "pii")]
    [InlineData("SELECT SSN AS name FROM CUSTOMERS", "pii")]
    [InlineData("select * from customers", "- - pii pii cards pii pii pii pii pii - - -")]
    [InlineData("select c.*, 1 from customers c", "- - pii pii cards pii pii pii pii pii - - - -")]
    [InlineData("select (c).ssn, (c).name from customers c", "pii -")]
    [InlineData("select c from customers c", "pii")]
    [InlineData("select customers from customers", "pii")]
    [InlineData("select x.y from (select ssn as y, id from customers) x", "pii")]
    [InlineData("select b from (select id, card from customers) x(a, b)", "cards")]
    [InlineData("with x as materialized (select card, id from customers) select id, card from x", "- cards")]
    [InlineData("with x(a) as (table customers) select a, email from x", "- pii")]
    [InlineData("select (select ssn from customers where id = 1)", "pii")]
    [InlineData("values ((select ssn from customers where id = 1))", "pii")]
    [InlineData("select l.ssn from pub p, lateral (select ssn from customers c where c.id = p.id) l", "pii")]
    [InlineData("select ssn from customers union all select txt from pub", "pii")]
    [InlineData("select customer_ssn from orders", "pii")]
    [InlineData("select ssn from events_2024", "pii")]
    [InlineData("select ssn, boss from employee", "pii -")]
    [InlineData("select ref from v_alias", "pii")]
    [InlineData("select * from mv_customers", "- pii")]
    [InlineData("select g from copied", "pii")]
    [InlineData("select coalesce(ssn, ''), upper(ssn) || name, ssn::text from customers", "pii pii pii")]
    [InlineData("update customers set name = name where id = 1 returning ssn, id", "pii -")]
    [InlineData("delete from orders using customers c where orders.customer_id = c.id returning c.ssn", "pii")]
    [InlineData("insert into customers (id) values (1) on conflict (id) do update set name = excluded.name returning ssn", "pii")]
    [InlineData("with d as (delete from orders returning customer_ssn) select * from d", "pii")]
    [InlineData("select c1.ssn, c2.id from customers c1 join customers c2 using (id)", "pii -")]
    [InlineData("select id, ssn from customers c join lateral (select c.card as z) l on true", "- pii")]
    [InlineData("with recursive r(id, v) as (select id, ssn from customers union all select id, v from r where id < 0) select v from r", "pii")]
    [InlineData("select q.coalesce from (select coalesce(ssn, '') from customers) q", "pii")]
    [InlineData("select j.ssn from (customers c cross join pub p) j", "pii")]
    [InlineData("select pg_get_expr(adbin, adrelid), adbin, oid from pg_attrdef", "literals definitions -")]
    public void Masked_columns_are_masked_wherever_they_come_out(string sql, string plan) => Assert.Equal(plan, Shop.Plan(sql));

    [Theory]
    [InlineData("select id from customers where ssn = '900'")]
    [InlineData("select id from customers order by ssn")]
    [InlineData("select id, ssn from customers order by 2")]
    [InlineData("select id, ssn as z from customers order by z")]
    [InlineData("select count(*) from customers group by left(ssn, 2)")]
    [InlineData("select distinct ssn from customers")]
    [InlineData("select distinct on (ssn) id from customers")]
    [InlineData("select max(ssn) from customers")]
    [InlineData("select count(ssn) from customers")]
    [InlineData("select count(*) filter (where ssn like '9%') from customers")]
    [InlineData("select count(*) from customers having max(ssn) > '9'")]
    [InlineData("select rank() over (order by ssn) from customers")]
    [InlineData("select rank() over w from customers window w as (partition by ssn)")]
    [InlineData("select case when ssn like '9%' then 1 end from customers")]
    [InlineData("select id from customers limit (select salary from customers where id = 1)")]
    [InlineData("select ssn::int from customers")]
    [InlineData("select ssn from customers union select txt from pub")]
    [InlineData("select ssn from customers except select 'x'")]
    [InlineData("select id from customers c join pub p on p.txt = c.ssn")]
    [InlineData("select ssn from (values ('900')) v(ssn) join customers using (ssn)")]
    [InlineData("select 1 from customers c natural join employee")]
    [InlineData("select id from customers where exists (select 1 from pub where txt = customers.ssn)")]
    [InlineData("select id from pub where txt in (select ssn from customers)")]
    [InlineData("select id from pub where txt = any (array(select ssn from customers))")]
    [InlineData("select substr(ssn, g, 1) from customers, generate_series(1, 11) g")]
    [InlineData("select to_jsonb(c) from customers c")]
    [InlineData("select e.value from customers c, jsonb_each_text(to_jsonb(c)) e")]
    [InlineData("select array[c] from customers c")]
    [InlineData("select x.x from (select ssn::int as x, id from customers) x")]
    [InlineData("select id from (select ssn::int as x, id from customers) x")]
    [InlineData("update customers set notes = ssn")]
    [InlineData("update pub set txt = c.ssn from customers c where c.id = pub.id")]
    [InlineData("update customers set (notes, tier) = (select ssn, 'x' from customers where id = 1)")]
    [InlineData("insert into pub select id, ssn, 1 from customers")]
    [InlineData("insert into pub values (1, (select ssn from customers where id = 1), 1)")]
    [InlineData("insert into customers (id, ssn) values (1, '9') on conflict (ssn) do nothing")]
    [InlineData("insert into customers (id, ssn) values (1, '9') on conflict do nothing")]
    [InlineData("merge into pub p using (select * from customers) c on p.id = c.id when matched then update set txt = c.ssn")]
    [InlineData("create table t as select ssn from customers")]
    [InlineData("create table t as select id from customers")]
    [InlineData("select ssn into t from customers")]
    [InlineData("create view v as select id from customers")]
    [InlineData("create materialized view v as select * from v_alias")]
    [InlineData("alter table customers rename to x")]
    [InlineData("alter table customers rename notes to tmp")]
    [InlineData("alter table customers add column g text generated always as (reverse(ssn)) stored")]
    [InlineData("alter schema shop rename to other")]
    [InlineData("create table t (like customers)")]
    [InlineData("create table t () inherits (customers)")]
    [InlineData("create statistics st on ssn, tier from customers")]
    [InlineData("copy customers to stdout")]
    [InlineData("copy (select id, ssn from customers) to stdout")]
    [InlineData("copy (select c from customers c) to stdout")]
    [InlineData("copy (delete from customers where id = 1 returning card) to stdout")]
    [InlineData("copy customers (id, card) to stdout")]
    [InlineData("copy customers (id) from stdin")]
    [InlineData("explain select id from customers where card = ''")]
    [InlineData("explain select id from (select id, ssn from customers offset 0) x")]
    [InlineData("explain select id from v_alias")]
    [InlineData("explain update customers set notes = 'x' where id = 1")]
    [InlineData("explain select id from filtered")]
    [InlineData("explain execute p; select 1 from customers")]
    [InlineData("declare c cursor for select id from customers order by ssn")]
    [InlineData("declare c cursor for select id from customers; select upper(ssn) from customers")]
    [InlineData("prepare p as update customers set notes = card")]
    [InlineData("create table t as execute p; select 1 from customers")]
    [InlineData("select c.nothing from customers c")]
    [InlineData("explain analyze select 1 from customers where ssn < '9'")]
    [InlineData("declare c cursor for select ssn from customers")]
    [InlineData("prepare p as select ssn from customers")]
    [InlineData("select f_get(1)")]
    [InlineData("select length(name) from customers")]
    [InlineData("select query_to_xml('select 1', true, false, '')")]
    [InlineData("select pg_read_file('x')")]
    [InlineData("select set_config('my.x', 'y', false)")]
    [InlineData("select missing(1)")]
    [InlineData("select * from nothing")]
    [InlineData("select * from pg_stats")]
    [InlineData("select * from pg_stat_activity")]
    [InlineData("select * from pg_toast.pg_toast_16384")]
    [InlineData("select lo_export(1, 'x')")]
    [InlineData("select lo_from_bytea(0, ssn::bytea) from customers")]
    [InlineData("select umoptions from pg_user_mappings")]
    [InlineData("select 1 from pg_user_mappings where umoptions::text like '%x%'")]
    [InlineData("select * from pg_user_mappings")]
    [InlineData("select subconninfo from pg_subscription")]
    [InlineData("do $$ begin execute 'select s' || 'sn from customers'; end $$")]
    [InlineData("do $$ declare v text; begin select ssn into v from customers; raise exception '%', v; end $$")]
    [InlineData("call p()")]
    [InlineData("create trigger t before update on customers for each row execute function tg()")]
    [InlineData("create operator @#@ (leftarg = int, rightarg = int, function = ro)")]
    [InlineData("select 1 @#@ 0")]
    [InlineData("set search_path = other")]
    [InlineData("select id from v_rich")]
    [InlineData("insert into watched values (1)")]
    [InlineData("select ssn from customers; select 1")]
    [InlineData("select id from customers c where (c).ssn = 'x'")]
    [InlineData("select id from customers c where c is not null")]
    [InlineData("select count(c) from customers c")]
    [InlineData("select count(distinct c.*) from customers c")]
    [InlineData("select count(*) from (select distinct * from customers) x")]
    [InlineData("select 1 from pub p where p.f_get > ''")]
    public void What_would_show_a_masked_column_is_refused(string sql) => Assert.Equal("refused", Shop.Plan(sql));

    [Theory]
    [InlineData("explain select 1 from customers")]
    [InlineData("explain (analyze, costs off) select name from customers where id = 1")]
    [InlineData("copy (select id from customers) to stdout")]
    [InlineData("copy (select id from (select * from customers) x) to stdout")]
    [InlineData("copy (select id from v_alias) to stdout")]
    [InlineData("copy customers (id, name) to stdout")]
    [InlineData("declare c cursor for select id, name from customers where region = 'eu' order by name")]
    [InlineData("begin; declare c scroll cursor with hold for select * from (select id from v_alias) x; fetch 5 from c; commit")]
    [InlineData("prepare p as select name from customers where id = $1")]
    [InlineData("prepare p as update customers set notes = $1 where id = $2 returning name")]
    public void What_reads_clear_columns_alone_passes_in_every_way_that_sql_has(string sql) => Assert.Equal("clear", Shop.Plan(sql));

    [Theory]
    [InlineData("select pg_get_constraintdef(oid) from pg_constraint", "literals")]
    [InlineData("select array(select pg_get_constraintdef(oid) from pg_constraint)", "literals")]
    [InlineData("select array_agg(pg_get_constraintdef(oid) order by conname) from pg_constraint", "literals")]
    [InlineData("select case when conname = 'x' then '*' else pg_get_constraintdef(oid) end from pg_constraint", "literals")]
    [InlineData("select coalesce(pg_get_constraintdef(oid), ''), pg_get_constraintdef(oid)::text from pg_constraint", "literals literals")]
    [InlineData("select array_agg(d) from (select case when conname is null then pg_get_constraintdef(oid) else conname end from pg_constraint) x(d)", "literals")]
    [InlineData("select null union all select pg_get_constraintdef(oid) from pg_constraint", "literals")]
    [InlineData("select trim(both '\"' from pg_get_indexdef(indexrelid, 1, false)) from pg_index", "trimmed")]
    [InlineData("select x.d from (select trim('\"' from pg_get_indexdef(indexrelid)) as d from pg_index) x", "trimmed")]
    [InlineData("select upper(trim('\"' from pg_get_indexdef(indexrelid))) from pg_index", "definitions")]
    [InlineData("select trim('''' from pg_get_indexdef(indexrelid)) from pg_index", "definitions")]
    [InlineData("select trim('\"' from substr(pg_get_indexdef(indexrelid), 3)) from pg_index", "definitions")]
    [InlineData("select array_agg(trim('\"' from pg_get_indexdef(indexrelid))) from pg_index", "definitions")]
    [InlineData("select pg_get_constraintdef(oid) || '''' from pg_constraint", "definitions")]
    [InlineData("select substr(pg_get_constraintdef(oid), 5) from pg_constraint", "definitions")]
    [InlineData("select string_agg(pg_get_constraintdef(oid), '''') from pg_constraint", "definitions")]
    [InlineData("select coalesce(pg_get_constraintdef(oid) || '''', '') from pg_constraint", "definitions")]
    [InlineData("select array(select conbin from pg_constraint)", "definitions")]
    [InlineData("select array_agg(pg_get_constraintdef(oid)) || ''::text from pg_constraint", "definitions")]
    public void Texts_of_definitions_show_but_for_their_literals_where_they_stay_whole(string sql, string plan) => Assert.Equal(plan, Shop.Plan(sql));

    [Fact]
    public void A_large_object_is_the_value_of_any_column_that_can_hold_its_number()
    {
        Assert.Equal("free", Shop.Plan("select lo_get(1)"));
        MaskRule[] masks = [Shop.Rule("scans", MaskWith.Redact, "shop.files.scan")];
        Assert.Equal("refused", Shop.Plan("select lo_get(1)", masks));
        Assert.Equal("refused", Shop.Plan("select lo_get(id) from pub", masks));
        Assert.Equal("refused", Shop.Plan("do $$ begin perform lo_get(1); end $$", masks));
        Assert.Equal("free", Shop.Plan("select id from pub", masks));
    }

    [Fact]
    public void A_refusal_names_its_rule_and_says_what_to_do()
    {
        var plan = MaskPlan.Of(Shop.Facts("select id from customers where card like '4%'"), Shop.Masks);
        Assert.Equal("cards", plan.Refusal!.Rule);
        Assert.Contains("can only be selected as it is", plan.Refusal.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_inference_is_allowed_conditions_pass_and_copies_do_not()
    {
        MaskRule[] masks = [.. Shop.Masks.Select(m => m with { Inference = Inference.Allow })];
        Assert.Equal("pii", Shop.Plan("select ssn from customers where ssn = 'x' order by ssn", masks));
        Assert.Equal("pii", Shop.Plan("select max(ssn) from customers", masks));
        Assert.Equal("refused", Shop.Plan("update customers set notes = ssn", masks));
        Assert.Equal("refused", Shop.Plan("copy customers to stdout", masks));
        Assert.Equal("refused", Shop.Plan("select f_get(1)", masks));
    }

    [Fact]
    public void Without_masks_of_columns_everything_is_free()
    {
        Assert.Equal("free", Shop.Plan("select f_get(1), nothing from nowhere", []));
        Assert.Equal("free", Shop.Plan("do $$ begin end $$", [Shop.Rule("d", MaskWith.Redact) with { Detect = [Detector.Email] }]));
    }
}
