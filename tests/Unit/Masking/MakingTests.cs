using Xunit;

namespace AccessPlane.Tests.Unit.Masking;

/// <summary>What runs later, for anybody: it may be made where it can never show what is masked, nor do something else to what is there.</summary>
public sealed class MakingTests
{
    [Theory]
    [InlineData("create function made() returns int language sql as 'select 1'")]
    [InlineData("create or replace function shop.made(a int, b int default 1) returns int language sql immutable as 'select a + b'")]
    [InlineData("create function shop.made(n int) returns int language plpgsql as $$ begin if n = 0 then return 1 / n; end if; return shop.made(n - 1); end $$")]
    [InlineData("create function made() returns void language plpgsql as $$ begin raise exception 'no %', 1 using errcode = 'P0042', detail = 'd'; end $$")]
    [InlineData("create function made() returns int language sql as 'select max(n) from shop.pub'")]
    [InlineData("create function made() returns int language sql set search_path = shop as 'select max(n) from pub'")]
    [InlineData("create function made() returns int language sql return 1 + 1")]
    [InlineData("create procedure made(inout n int) language plpgsql as $$ begin n := n + 1; end $$")]
    [InlineData("create function made() returns trigger language plpgsql as $$ begin new.txt := upper(new.txt); return new; end $$")]
    [InlineData("create trigger t before update on pub for each row execute function stamp()")]
    [InlineData("create rule r as on delete to v_pub do instead nothing")]
    [InlineData("select 1; create function made() returns int language plpgsql as $$ begin return 2; end $$")]
    public void What_touches_nothing_hidden_can_be_made(string sql) => Assert.Equal("free", Shop.Plan(sql));

    [Theory]
    [InlineData("create function made() returns text language sql as 'select ssn from shop.customers limit 1'")]
    [InlineData("create function made() returns setof shop.customers language sql as 'select * from shop.customers'")]
    [InlineData("create function made() returns int language sql as 'select id from shop.customers limit 1'")]
    [InlineData("create function made() returns text language sql as 'select ref from shop.v_alias limit 1'")]
    [InlineData("create function made() returns text language plpgsql as $$ begin return (select card from shop.customers where id = 1); end $$")]
    [InlineData("create function made() returns text language sql as 'select shop.f_get(1)'")]
    [InlineData("create function made() returns text language plpgsql as $$ begin return shop.spy(); end $$")]
    [InlineData("create function made() returns text language plpgsql as $$ declare v text; begin execute 'select s' || 'sn from shop.customers' into v; return v; end $$")]
    [InlineData("create function made() returns text language sql begin atomic select ssn from shop.customers limit 1; end")]
    [InlineData("create function made() returns text language sql return (select ssn from shop.customers limit 1)")]
    [InlineData("create function made(a text default shop.f_get(1)) returns text language sql as 'select a'")]
    [InlineData("create function made() returns text language c as 'lib', 'symbol'")]
    [InlineData("create function made() returns text language plpython3u as 'return 1'")]
    [InlineData("create function made() returns text language internal as 'pg_read_file'")]
    [InlineData("create function made() returns text language sql as 'select pg_read_file(''x'')'")]
    [InlineData("create function made() returns text language sql as 'select query_to_xml(''select 1'', true, false, '''')::text'")]
    [InlineData("create function made() returns text language sql as 'select set_config(''my.x'', ''y'', false)'")]
    [InlineData("create function made() returns text language sql as 'select pg_get_constraintdef(oid) from pg_constraint'")]
    [InlineData("create function made() returns text language sql as 'select conbin::text from pg_constraint'")]
    [InlineData("create function made() returns int language sql as 'select 1 from pg_stats'")]
    public void What_reads_hidden_columns_or_cannot_be_read_is_not_made(string sql) => Assert.Equal("refused", Shop.Plan(sql));

    /// <summary>Whoever else runs it may have another path, and other relations along it.</summary>
    [Theory]
    [InlineData("create function made() returns bigint language sql as 'select max(n) from pub'")]
    [InlineData("create function made() returns text language plpgsql as $$ begin return stamp(); end $$")]
    [InlineData("create function made() returns bigint language sql set search_path from current as 'select max(n) from pub'")]
    [InlineData("create function made() returns int language sql set standard_conforming_strings = off as 'select 1'")]
    [InlineData("create function made() returns int language sql set role = other as 'select 1'")]
    public void Its_names_mean_the_same_to_everyone(string sql) => Assert.Equal("refused", Shop.Plan(sql));

    /// <summary>A trigger of `customers` may call it, and hand it what it sees.</summary>
    [Theory]
    [InlineData("create or replace function shop.stamp() returns trigger language plpgsql as $$ begin return new; end $$")]
    [InlineData("create function shop.f_get(a text) returns text language sql as 'select a'")]
    [InlineData("create function elsewhere.f_get(i int) returns text language sql as 'select 1::text'")]
    [InlineData("create function shop.upper(a varchar) returns text language sql as 'select a'")]
    [InlineData("create function shop.lower(c shop.customers) returns text language sql as 'select 1::text'")]
    [InlineData("create function shop.helper(a text) returns void language sql as 'insert into shop.pub (txt) values (a)'")]
    [InlineData("create function shop.\"HELPER\"(a text) returns void language sql as 'insert into shop.pub (txt) values (a)'")]
    public void It_takes_no_name_that_means_something_already(string sql) => Assert.Equal("refused", Shop.Plan(sql));

    [Theory]
    [InlineData("create trigger t before update on customers for each row execute function stamp()")]
    [InlineData("create trigger t after insert on events for each row execute function stamp()")]
    [InlineData("create trigger t after insert on events_2024 for each row execute function stamp()")]
    [InlineData("create trigger t after insert on orders execute function stamp()")]
    [InlineData("create trigger t after insert on pub for each row execute function spy()")]
    [InlineData("create trigger t after insert on pub for each row execute function nothing()")]
    [InlineData("create trigger t after insert on nothing for each row execute function stamp()")]
    [InlineData("create trigger t after insert on pub for each row when (shop.f_get(new.id) is null) execute function stamp()")]
    [InlineData("create constraint trigger t after insert on pub from customers for each row execute function stamp()")]
    [InlineData("create rule r as on delete to customers do instead nothing")]
    [InlineData("create rule r as on insert to pub do also select ssn from customers")]
    [InlineData("create rule r as on insert to pub where new.id > 1 do instead nothing")]
    [InlineData("create rule r as on insert to v_alias do instead nothing")]
    [InlineData("create event trigger t on ddl_command_end execute function stamp()")]
    [InlineData("create aggregate made (text) (sfunc = concat, stype = text)")]
    [InlineData("create cast (text as int) with function shop.f_get(int)")]
    [InlineData("alter function stamp() rename to made")]
    [InlineData("alter function stamp() set search_path = other")]
    public void Nothing_is_put_between_a_masked_relation_and_its_values(string sql) => Assert.Equal("refused", Shop.Plan(sql));

    [Theory]
    [InlineData("update stamped set txt = 'x' where id = 1", "free")]
    [InlineData("update spied set txt = 'x' where id = 1", "refused")]
    [InlineData("select txt from spied", "free")]
    [InlineData("update stamped set txt = c.ssn from customers c where c.id = stamped.id", "refused")]
    [InlineData("update stamped set txt = c.name from customers c where c.id = stamped.id", "refused")]
    [InlineData("delete from parent where id = 1", "free")]
    [InlineData("delete from pupil where id = 1", "refused")]
    [InlineData("do $$ begin update stamped set txt = 'x'; end $$", "free")]
    [InlineData("do $$ begin update spied set txt = 'x'; end $$", "refused")]
    [InlineData("do $$ begin raise notice '%', (select pg_get_constraintdef(oid) from pg_constraint limit 1); end $$", "refused")]
    [InlineData("do $$ begin perform pg_read_file('x'); end $$", "refused")]
    public void Triggers_and_foreign_keys_are_read_through(string sql, string plan) => Assert.Equal(plan, Shop.Plan(sql));
}
