using Xunit;

namespace AccessPlane.Tests.Unit.Sql;

public sealed class PinnedLanguageTests
{
    private readonly FactsOf facts = new() { PathSetting = "\"$user\", Shop, \"Odd, \"\"name\"" };

    [Theory]
    [InlineData("set search_path to \"$user\", shop, \"Odd, \"\"name\"")]
    [InlineData("set local search_path = '$user', 'shop', 'Odd, \"name'")]
    [InlineData("select set_config('search_path', '\"$user\",shop,\"Odd, \"\"name\"', false)")]
    [InlineData("reset search_path")]
    [InlineData("set search_path to default")]
    [InlineData("reset all")]
    [InlineData("discard all")]
    [InlineData("set role none")]
    [InlineData("create function f() returns int language sql set search_path = evil as 'select 1'")]
    public void The_search_path_may_be_set_to_what_it_is(string sql) => Assert.Null(facts[sql].Refused);

    [Theory]
    [InlineData("set search_path to shop")]
    [InlineData("set search_path to evil, \"$user\", shop, \"Odd, \"\"name\"")]
    [InlineData("set schema 'evil'")]
    [InlineData("set local search_path = ''")]
    [InlineData("set \"SEARCH_PATH\" = evil")]
    [InlineData("select set_config('search_path', 'evil', true)")]
    [InlineData("select pg_catalog.set_config('Search_Path', '', false)")]
    [InlineData("select set_config('search' || '_path', 'evil', false)")]
    [InlineData("select set_config($1, $2, false)")]
    [InlineData("with a as (select set_config('role', 'postgres', false)) select * from a")]
    [InlineData("alter role r set search_path = evil")]
    [InlineData("alter database d set search_path = evil")]
    [InlineData("update pg_settings set setting = 'x' where name = 'search_path'")]
    [InlineData("with a as (update pg_catalog.pg_settings set setting = 'x' returning 1) select * from a")]
    [InlineData("do $$ begin set search_path = evil; end $$")]
    [InlineData("do $$ begin perform set_config('search_path', 'evil', false); end $$")]
    [InlineData("set role postgres")]
    [InlineData("set session authorization postgres")]
    public void Nothing_else_becomes_the_search_path_or_who_the_session_is(string sql) => Assert.NotNull(facts[sql].Refused);

    [Fact]
    public void A_body_that_is_run_sets_nothing_either()
    {
        facts.Function("shop.turn", 0, "plpgsql", "begin set role postgres; end");
        Assert.NotNull(facts["select turn()"].Refused);
    }

    [Fact]
    public void What_changes_the_schema_says_so_and_hides_what_follows_it()
    {
        Assert.True(facts["create or replace function f() returns int language sql as 'select 1'"].ChangesSchema);
        Assert.True(facts["alter table pub rename to q"].ChangesSchema);
        Assert.False(facts["create temp table t (a int)"].ChangesSchema);
        Assert.False(facts["select 1"].ChangesSchema);
        Assert.NotNull(facts["drop function f(); select abs(1)"].Opaque);
        Assert.Null(facts["begin; drop function f(); commit"].Opaque);
    }
}
