using AccessPlane.Contracts.Policy;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>Code that nobody can read before it runs: where a rule denies what might hide in it, it does not run; where it runs, nothing is believed of the session that it could have changed.</summary>
public sealed class OpaqueCodeTests : IAsyncLifetime
{
    private WireAgent agent = null!;

    public async ValueTask InitializeAsync()
    {
        agent = await WireAgent.Start();
        var role = agent.Database;
        await agent.Directly(
            $"""
            grant pg_monitor to {role}; create schema evil authorization {role}; grant create on schema public to {role}; set role {role};
            create table pub (id int primary key, v int); insert into pub values (1, 1), (2, 2);
            create table evil.pub (id int, v int); insert into evil.pub values (1, 1);
            create table child (id int references pub on delete cascade on update cascade);
            create table log (what text);
            create function run(what text) returns int language plpgsql as $$ begin execute what; return 1; end $$;
            create function logs() returns trigger language plpgsql as $$ begin insert into log values (tg_op); return new; end $$;
            create trigger logs after insert on child for each row execute function logs();
            create table strange (id int);
            create function runs() returns trigger language plpgsql as $$ begin execute 'set search_path = evil'; return new; end $$;
            create constraint trigger runs after insert on strange deferrable initially deferred for each row execute function runs();
            create table ruled (id int);
            create rule r as on insert to ruled do also insert into log values ('rule')
            """);
    }

    public ValueTask DisposeAsync() => agent.DisposeAsync();

    private void Deny(string id, Match match) => agent.Guard(new Guardrail(id, "orders", match, Effect.Deny));

    private Task<object?> Rows(string table) => agent.Ask($"select count(*) from {table}");

    private static async Task<string> Told(RawClient client, params byte[][] messages)
    {
        var answer = await client.Ask(messages);
        return answer.FirstOrDefault(m => m.Type == 'E') is { Type: 'E' } error ? $"{Field(error.Body, 'C')} {Field(error.Body, 'M')}" : Story(answer);
    }

    private static string Do(params string[] texts) => $"do $$ begin {string.Concat(texts.Select(t => $"execute '{t.Replace("'", "''", StringComparison.Ordinal)}';"))} end $$";

    [Theory]
    [InlineData("do $$ begin execute 'DR' || 'OP TABLE pub'; end $$")]
    [InlineData("select run('drop table pub')")]
    [InlineData("insert into log select run('drop table pub')")]
    [InlineData("create function pg_temp.f() returns int language plpgsql as $$ begin execute 'dr' || 'op table pub'; return 1; end $$", "select pg_temp.f()")]
    [InlineData("create function f() returns int language plpgsql as $$ begin execute 'dr' || 'op table pub'; return 1; end $$", "select f()")]
    [InlineData("begin", "create function f() returns int language sql as 'drop table pub; select 1'", "select f()", "commit")]
    [InlineData("create function f() returns int language sql as 'drop table pub; select 1'; select f()")]
    [InlineData("prepare p as select run('drop table pub')", "execute p")]
    [InlineData("declare c cursor with hold for select run('drop table pub')", "fetch c")]
    public async Task Where_a_rule_denies_a_drop_code_that_might_hide_it_is_denied(params string[] texts)
    {
        Deny("no-ddl", Match.Everything with { Statements = ["drop", "truncate"] });
        using var client = await agent.Connect();
        var told = "";
        foreach (var text in texts)
        {
            told = await Told(client, Query(text)) is var answer && answer.StartsWith("42501", StringComparison.Ordinal) ? answer : told;
        }
        Assert.StartsWith("42501 denied by `no-ddl`: ", told, StringComparison.Ordinal);
        Assert.EndsWith("and might hide what rule `no-ddl` denies", told, StringComparison.Ordinal);
        Assert.Equal(2L, await Rows("pub"));
    }

    [Fact]
    public async Task A_rule_for_what_can_be_read_lets_the_rest_pass_and_a_name_that_is_not_there_is_the_databases_own_error()
    {
        Deny("no-ddl", Match.Everything with { Statements = ["drop"], Opaque = false });
        using var client = await agent.Connect();
        Assert.Equal("42501 denied by `no-ddl`: the policy does not allow it", await Told(client, Query("drop table pub")));
        Assert.Equal("C[DO] ZI", await Told(client, Query(Do("drop table evil.pub"))));
        Deny("no-ddl", Match.Everything with { Statements = ["drop"] });
        Assert.StartsWith("42883", await Told(client, Query("select nobody_knows(1)")), StringComparison.Ordinal);
        Assert.StartsWith("42883", await Told(client, Parse("", "select nobody_knows(1)"), Bind("", ""), Execute(), Sync), StringComparison.Ordinal);
        await agent.Directly("create function nobody_knows(int) returns int language plpgsql as $$ begin execute 'drop table pub'; return 1; end $$");
        Assert.StartsWith("42501", await Told(client, Query("select nobody_knows(1)")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Triggers_rules_and_foreign_keys_are_judged_by_what_they_do()
    {
        Deny("no-ddl", Match.Everything with { Statements = ["drop"] });
        using var client = await agent.Connect();
        Assert.Equal("C[INSERT 0 1] ZI", await Told(client, Query("insert into child values (1)")));
        Assert.Equal("C[INSERT 0 1] ZI", await Told(client, Query("insert into ruled values (1)")));
        Assert.Equal("C[UPDATE 1] ZI", await Told(client, Query("update pub set v = 3 where id = 1")));
        Assert.StartsWith("42501", await Told(client, Query("insert into strange values (1)")), StringComparison.Ordinal);
        Deny("the-log", Match.Everything with { Relations = ["public.log"], Access = AccessPlane.Contracts.Sql.RelationAccess.Write });
        Assert.StartsWith("42501 denied by `the-log`", await Told(client, Query("insert into child values (2)")), StringComparison.Ordinal);
        Assert.StartsWith("42501 denied by `the-log`", await Told(client, Query("insert into ruled values (2)")), StringComparison.Ordinal);
        Deny("children", Match.Everything with { Relations = ["public.child"], Access = AccessPlane.Contracts.Sql.RelationAccess.Write });
        Assert.Equal("C[UPDATE 1] ZI", await Told(client, Query("update pub set v = 4 where id = 1")));
        Assert.StartsWith("42501 denied by `children`", await Told(client, Query("update pub set id = 4 where id = 1")), StringComparison.Ordinal);
        Assert.StartsWith("42501 denied by `children`", await Told(client, Query("delete from pub where id = 1")), StringComparison.Ordinal);
        Assert.StartsWith("42501 denied by `children`", await Told(client, Query("truncate pub cascade")), StringComparison.Ordinal);
        Assert.Equal(1L, await Rows("child"));
    }

    [Fact]
    public async Task A_migration_in_one_transaction_is_not_taken_for_code_that_cannot_be_read()
    {
        Deny("server-files", Match.Everything with { Functions = ["pg_read_*"] });
        using var client = await agent.Connect();
        foreach (var (text, tag) in new[]
        {
            ("begin", "BEGIN"), ("create table made (id int primary key)", "CREATE TABLE"), ("insert into made values (1)", "INSERT 0 1"),
            ("alter table pub add column more int default 5, add constraint positive check (v > 0)", "ALTER TABLE"), ("create index on pub (v)", "CREATE INDEX"),
            ("update pub set more = 6 where id = 1", "UPDATE 1"), ("create view seen as select * from made", "CREATE VIEW"),
        })
        {
            Assert.Equal($"C[{tag}] ZT", await Told(client, Query(text)));
        }
        Assert.StartsWith("42501 denied by `server-files`: the schema was changed", await Told(client, Query("select * from seen")), StringComparison.Ordinal);
        Assert.Equal("C[ROLLBACK] ZI", await Told(client, Query("rollback")));
    }

    [Theory]
    [InlineData("the search path", "set search_path = evil")]
    [InlineData("the role", "set role pg_monitor")]
    [InlineData("the setting `backslash_quote`", "set backslash_quote = on")]
    public async Task What_changes_how_statements_are_read_ends_the_session(string what, string change)
    {
        foreach (var inBlock in new[] { false, true })
        {
            using var client = await agent.Connect();
            if (inBlock)
            {
                await client.Ask(Query("begin"));
            }
            var told = await client.Ask(Query(Do(change)));
            Assert.DoesNotContain(told, m => m.Type == 'Z');
            Assert.StartsWith($"code that cannot be read changed {what}, and", Field(told.Single(m => m.Type == 'E').Body, 'M'), StringComparison.Ordinal);
        }
        using (var client = await agent.Connect())
        {
            var told = await client.Ask(
                Parse("", "select run($1)"), Bind("", "", change), Execute(), Parse("", "delete from pub"), Bind("", ""), Execute(), Sync);
            Assert.DoesNotContain("DELETE", Story(told), StringComparison.Ordinal);
        }
        Assert.Equal((2L, 1L), ((long)(await Rows("pub"))!, (long)(await Rows("evil.pub"))!));
    }

    [Fact]
    public async Task What_lasts_no_longer_than_its_transaction_ends_nothing_outside_of_one()
    {
        using var client = await agent.Connect();
        Assert.Equal("C[DO] ZI", await Told(client, Query(Do("set local search_path = evil", "set local role pg_monitor"))));
        Assert.Equal("C[DO] ZI", await Told(client, Query(Do("set datestyle = iso"))));
        await client.StillWorks();
    }

    [Fact]
    public async Task What_waits_for_the_end_of_its_transaction_is_looked_for_there()
    {
        using var client = await agent.Connect();
        await client.Ask(Query("begin"));
        Assert.Equal("C[INSERT 0 1] ZT", await Told(client, Query("insert into strange values (1)")));
        Assert.Contains("changed the search path", await Told(client, Query("commit")), StringComparison.Ordinal);
        using var other = await agent.Connect();
        await other.Ask(Query("begin"));
        Assert.Equal("C[INSERT 0 1] ZT", await Told(other, Query("insert into strange values (1)")));
        Assert.Contains("changed the search path", await Told(other, Query("set constraints all immediate")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_that_such_code_gave_to_something_else_is_no_name_any_more()
    {
        using var client = await agent.Connect();
        var exchange = Do("deallocate p", "prepare p as delete from pub");
        Assert.Equal("C[PREPARE] ZI", await Told(client, Query("prepare p as select v from pub where id = 1")));
        Assert.Equal("C[PREPARE] ZI", await Told(client, Query("prepare q as select 7")));
        Assert.Equal("1 ZI", await Told(client, Parse("s", "select 8"), Sync));
        Assert.Equal("C[DO] ZI", await Told(client, Query(exchange)));
        Assert.StartsWith("26000", await Told(client, Query("execute p")), StringComparison.Ordinal);
        Assert.StartsWith("26000", await Told(client, Bind("", "p"), Execute(), Sync), StringComparison.Ordinal);
        Assert.Equal("T D[7] C[SELECT 1] ZI", await Told(client, Query("execute q")));
        Assert.Equal("2 D[8] C[SELECT 1] ZI", await Told(client, Bind("", "s"), Execute(), Sync));
        Assert.Equal("C[DO] ZI", await Told(client, Query(Do("deallocate s", "prepare s as delete from pub"))));
        Assert.StartsWith("26000", await Told(client, Bind("", "s"), Execute(), Sync), StringComparison.Ordinal);
        // in the middle of a unit as well
        Assert.Equal("1 ZI", await Told(client, Parse("t", "select 9"), Sync));
        var told = await Told(
            client, Parse("", "select run($1)"), Bind("", "", "deallocate t; prepare t as delete from pub"), Execute(), Bind("", "t"), Execute(), Sync);
        Assert.StartsWith("26000", told, StringComparison.Ordinal);
        Assert.Equal(2L, await Rows("pub"));
    }

    [Fact]
    public async Task A_cursor_that_such_code_opened_under_a_known_name_is_not_fetched_from()
    {
        using var client = await agent.Connect();
        await client.Ask(Query("begin"));
        Assert.Equal("C[DECLARE CURSOR] ZT", await Told(client, Query("declare c cursor for select id from pub order by id")));
        Assert.Equal("C[DECLARE CURSOR] ZT", await Told(client, Query("declare d cursor for select id from pub order by id")));
        Assert.Equal("C[DO] ZT", await Told(client, Query(Do("close c", "declare c cursor for select id from evil.pub"))));
        Assert.Equal("T D[1] C[FETCH 1] ZT", await Told(client, Query("fetch d")));
        Assert.StartsWith("34000", await Told(client, Query("fetch c")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failed_transaction_takes_nothing_but_its_end_before_the_names_are_looked_at()
    {
        using var client = await agent.Connect();
        await client.Ask(Query("prepare p as select 1"));
        await client.Ask(Query("begin"));
        Assert.StartsWith("22012", await Told(client, Query(Do("deallocate p", "prepare p as delete from pub", "select 1/0"))), StringComparison.Ordinal);
        Assert.StartsWith("25P02", await Told(client, Query("rollback; execute p")), StringComparison.Ordinal);
        var told = await client.Ask(Parse("", "rollback"), Bind("", ""), Execute(), Bind("", "p"), Execute(), Sync);
        Assert.Equal("1 2 C[ROLLBACK] E26000 ZI", Story(told));
        Assert.StartsWith("26000", await Told(client, Query("execute p")), StringComparison.Ordinal);
        Assert.Equal(2L, await Rows("pub"));
    }

    [Fact]
    public async Task A_batch_of_such_statements_in_one_unit_is_answered_as_the_database_would()
    {
        using var client = await agent.Connect();
        byte[][] batch = [Bind("", "s", "insert into log values (1)"), Execute()];
        Assert.Equal(
            "1 2 D[1] C[SELECT 1] 2 D[1] C[SELECT 1] 2 D[1] C[SELECT 1] ZI",
            Story(await client.Ask([Parse("s", "select run($1)"), .. batch, .. batch, .. batch, Sync])));
        Assert.Equal(3L, await Rows("log"));
        Assert.Equal("2 D[1] C[SELECT 1] 2 E22012 ZI", Story(await client.Ask([.. batch, Bind("", "s", "select 1/0"), Execute(), .. batch, Sync])));
        Assert.Equal(3L, await Rows("log"));
        await client.StillWorks();
    }
}
