using AccessPlane.Tests.Integration.Wire;
using Xunit;

namespace AccessPlane.Tests.Integration.Masking;

/// <summary>What people are told in sessions whose columns PostgreSQL itself hides: what is masked, and why they are refused.</summary>
public sealed class HiddenWordsTests
{
    [Theory]
    [InlineData(PgServer.Installed)]
    [InlineData(PgServer.Newer)]
    public async Task Psql_shows_which_columns_are_masked_and_how_beside_what_their_owner_says(PgServer on)
    {
        await using var shop = await HiddenShop.Open(on);
        await shop.Agent.Directly("comment on table shop.customers is 'whom we sell to'", "comment on column shop.customers.card is 'what they pay with'",
            "comment on column shop.customers.name is 'as they call themselves'");
        foreach (var command in new[] { "\\d customers", "\\d shop.customers" })
        {
            var (shown, error) = await Psql(shop, command);
            Assert.Matches(@"\bcard\b.*\btext\b", shown);
            Assert.StartsWith("NOTICE:  columns of shop.customers are masked for you\nDETAIL:  email: nothing of it is shown\n", error, StringComparison.Ordinal);
            Assert.Contains("\ncard: the last 4 characters are shown\n", error, StringComparison.Ordinal);
            Assert.Contains("\nsalary: it shows as null\n", error, StringComparison.Ordinal);
        }
        Assert.Equal("", (await Psql(shop, "\\d pub")).Error);
        var (described, _) = await Psql(shop, "\\d+ customers");
        Assert.Matches(@"\bcard\b.*\| masked: the last 4 characters are shown\. what they pay with", described);
        Assert.Matches(@"\bssn\b.*\| masked: nothing of it is shown", described);
        Assert.Matches(@"\bname\b.*\| as they call themselves", described);
        var (listed, _) = await Psql(shop, "\\dv+ customers");
        Assert.Contains("whom we sell to (masked: email, ssn, card, salary, dob, profile, tags, photo)", listed, StringComparison.Ordinal);
        Assert.DoesNotContain("{\"relation\"", described + listed, StringComparison.Ordinal);

        await shop.Agent.Directly("comment on column shop.customers.card is null", "alter table shop.customers add column pin text");
        Assert.Matches(@"\bcard\b.*\| masked: the last 4 characters are shown *\n", (await Psql(shop, "\\d+ customers")).Out);
        Assert.Contains("photo; not shown: pin)", (await Psql(shop, "\\dv+ customers")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_is_refused_is_told_why_and_what_to_do()
    {
        await using var shop = await HiddenShop.Open();
        await shop.Agent.Directly("create unique index one_each on shop.customers (region, ssn)",
            "create function shop.shout() returns trigger language plpgsql as $$begin raise notice '%', old; return new; end$$",
            "create trigger shout before update on shop.orders for each row execute function shop.shout()",
            $"create table shop.strange (x int); grant select on shop.strange to {shop.Agent.Database} with grant option; grant delete on shop.strange to {shop.Agent.Database}");
        using var client = await shop.Agent.Connect();
        const string unmasked = "ask for an entitlement from which no columns are hidden";
        foreach (var (sql, why, instead) in new[]
        {
            ("select * from v_customers", "`shop.v_customers` is not for sessions from which columns are hidden: it reads the masked column `ssn` of `shop.customers`", "read the tables behind it, which show masks"),
            ("select * from shop.mv_customers", "`shop.mv_customers` is not for sessions", "read the tables behind it"),
            ("select f_secdef(1)", "`shop.f_secdef` is not for sessions from which columns are hidden", unmasked),
            ("select f_get(1)", "`shop.customers` has masked columns: a session from which columns are hidden reads a view in its place", "name it in the statement itself"),
            ("delete from customers where id = 20", "deletes of `shop.customers` are withheld from sessions from which columns are hidden: whether they succeed would tell", unmasked),
            ("update orders set amount = 1", "updates of `shop.orders` are withheld from sessions from which columns are hidden: a trigger would see whole rows", unmasked),
            ("update customers set region = 'us' where id = 1", "in `shop.customers` a constraint or an index looks at `region` together with a masked column", "leave these columns out"),
            ("delete from strange", "the agent's own role may not pass this on for `shop.strange`", "tell the operator of this agent"),
            ("truncate pub", "of `shop.pub` this session's login may: delete, insert, select, update", "ask for an entitlement that allows more"),
            ("truncate orders", "`shop.orders` has masked columns", "name it in the statement itself"),
            ("create table shop.mine (x int)", "this session has a database login of its own", unmasked),
        })
        {
            foreach (var messages in new byte[][][] { [RawClient.Query(sql)], [RawClient.Parse("", sql), RawClient.Bind("", ""), RawClient.Execute(), RawClient.Sync] })
            {
                var error = Assert.Single(await client.Ask(messages), m => m.Type == 'E').Body;
                Assert.Contains(RawClient.Field(error, 'C'), new[] { "42501", "42809" });
                Assert.StartsWith(why, RawClient.Field(error, 'D'), StringComparison.Ordinal);
                Assert.StartsWith(instead, RawClient.Field(error, 'H'), StringComparison.Ordinal);
            }
        }
        Assert.Contains(shop.Agent.Transcript(), line => line.Contains("permission denied for view v_customers", StringComparison.Ordinal)); // as the server said it
    }

    /// <summary>What reaches beyond the views, or would outlive the session: each is refused with the reason, or shows masks alone.</summary>
    [Theory]
    [InlineData(PgServer.Installed)]
    [InlineData(PgServer.Newer)]
    public async Task What_must_not_be_done_under_masks_is_refused_with_words_and_the_rest_is_harmless(PgServer on)
    {
        await using var shop = await HiddenShop.Open(on);
        await shop.Agent.Directly("create extension if not exists postgres_fdw");
        using var client = await shop.Agent.Connect();
        var bare = new List<string>();
        foreach (var sql in new[]
        {
            "create table shop.t (x int)", "create table public.t (x int)", "create schema s", "create view shop.v as select 1", "alter table shop.pub add column x int", "alter table customers owner to current_user",
            "drop table shop.pub", "drop view customers", "truncate shop.pub", "create index on shop.pub (n)", "comment on table shop.pub is 'x'",
            "create extension dblink", "create role r", "create publication p", "create server s foreign data wrapper postgres_fdw", "create function shop.f() returns int language sql as 'select 1'",
            "create trigger t before update on shop.pub for each row execute function shop.f_get()", "create rule r as on select to shop.pub do instead nothing", "refresh materialized view shop.mv_customers",
            "do $$ begin raise exception '%', (select ssn from shop.customers where id = 1); end $$", "do $$ begin execute 'create table shop.t (x int)'; end $$",
            "copy (select ssn from customers) to '/tmp/x'", "copy (select ssn from customers) to program 'cat'", "create temp table t (x text); copy t from program 'true'", "copy pub from '/etc/passwd'",
            "set role none; set role " + shop.Agent.Database, "set session authorization " + shop.Agent.Database, "set session_replication_role = replica", "alter system set work_mem = '4MB'",
            "set standard_conforming_strings = off", "select set_config('standard_conforming_strings', 'off', false)", "begin; prepare transaction 'p'", "select lo_export(1, '/tmp/x')", "select lo_import('/etc/passwd')",
            "select pg_read_file('/etc/passwd')", "update customers set notes = ssn", "insert into customers (id, name, region, ssn) values (7, 'x', 'eu', 'y')",
        })
        {
            var got = await client.Ask(RawClient.Query(sql));
            if (got.FirstOrDefault(m => m.Type == 'E').Body is not { } error || RawClient.Field(error, 'D').Length == 0)
            {
                bare.Add($"{sql}: {RawClient.Story(got)} {MaskDatabase.Story(got)}");
            }
            await client.Ask(RawClient.Query("rollback; drop table if exists pg_temp.t"));
        }
        Assert.True(bare.Count == 0, string.Join('\n', bare));
        Assert.Equal("42501", RawClient.Field(Assert.Single(await client.Ask(Agent.Protocols.PostgreSql.PgFrame.Of('F', [0, 0, 11, 109, 0, 0, 0, 0, 0, 0])), m => m.Type == 'E').Body, 'C'));
        foreach (var (sql, rows) in new[]
        {
            ("do $$ begin create temp table d as select ssn from customers where id = 1; end $$; select * from pg_temp.d", "[redacted]"),
            ("create function pg_temp.f() returns text language sql as 'select ssn from customers where id = 1'; select pg_temp.f()", "[redacted]"),
            ("create function pg_temp.g() returns text language plpgsql security definer as $$ begin return (select ssn from customers where id = 1); end $$; select pg_temp.g()", "[redacted]"),
            ("create temp table kept as select ssn, card from shop.customers where id = 1; select * from kept", "[redacted]|********2222"),
            ("listen ch; select pg_notify('ch', ssn) from customers where id = 1", ""),
            ("select lo_from_bytea(4712, ssn::bytea) from customers where id = 1; select convert_from(lo_get(4712), 'UTF8')", "4712;[redacted]"),
            ("grant select on shop.pub to public", ""), ("analyze shop.customers", ""), // which change nothing of what is not the login's own, and say so
            ("set work_mem = '8MB'; show work_mem", "8MB"),
        })
        {
            var got = await client.Ask(RawClient.Query(sql));
            Assert.Equal((sql, rows), (sql, MaskDatabase.Story(got)));
            Assert.DoesNotContain(got, m => System.Text.Encoding.Latin1.GetString(m.Body).Contains("900-11-2233", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task A_dump_is_refused_and_says_why()
    {
        await using var shop = await HiddenShop.Open();
        var dumped = await Programs.Run("pg_dump", Programs.Through(shop.Agent), "--data-only");
        Assert.NotEqual(0, dumped.Status);
        Assert.DoesNotContain("900-11-2233", dumped.Out + dumped.Error, StringComparison.Ordinal);
        Assert.Contains("denied by `pinned-session`", dumped.Error, StringComparison.Ordinal);
    }

    private static async Task<(string Out, string Error)> Psql(HiddenShop shop, string command)
    {
        var said = await Programs.Run("psql", Programs.Through(shop.Agent), "-X", "-c", command);
        Assert.True(said.Status == 0, said.ToString());
        return (said.Out, said.Error);
    }
}
