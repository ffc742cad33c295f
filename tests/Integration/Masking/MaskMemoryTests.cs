using AccessPlane.Agent.Protocols.PostgreSql.Masking;
using AccessPlane.Contracts.Policy;
using Xunit;

namespace AccessPlane.Tests.Integration.Masking;

/// <summary>
/// Which columns are old was once written on a view alone. `DROP TABLE … CASCADE` took the view and that along, and the table that was made again in the same
/// migration showed a column that nobody had looked at.
/// </summary>
public sealed class MaskMemoryTests
{
    private const string People = "create table s.people (id int, name text, ssn text)";
    private const string Again = "create table s.people (id int, name text, pin text default 'PIN', ssn text)";
    private const string Row = "insert into s.people (id, name, ssn) values (1, 'n', 'SECRET')";

    private static readonly IReadOnlyList<MaskRule> Rules = [MaskDatabase.Rule(MaskWith.Redact, "s.people.ssn")];

    private static async Task<MaskDatabase> Made(PgServer on = PgServer.Installed)
    {
        var data = await MaskDatabase.Empty(on);
        await Change(data, $"create schema s; {People}; {Row}");
        await data.Directly($"alter database {data.Database} set search_path = s, public");
        await data.Group(Rules);
        return data;
    }

    /// <summary>As a migration does it: by the tables' owner, who lets the readers read what it makes.</summary>
    private static Task Change(MaskDatabase data, string sql) =>
        data.Directly($"begin; set role {data.Role}; {sql}; grant usage on schema s to {data.Readers}; grant select on all tables in schema s to {data.Readers}; commit");

    private static async Task<string> See(MaskDatabase data, MaskGroup group, string sql = "select * from people")
    {
        using var client = await data.Login(group);
        return await MaskDatabase.See(client, sql);
    }

    private static Task<string> Memory(MaskDatabase data) =>
        data.Ask("select string_agg(dictname || ' ' || obj_description(oid, 'pg_ts_dict'), ' ' order by oid) from pg_ts_dict where dictnamespace::regnamespace::text ~ '^accessplane_m_'");

    [Theory]
    [InlineData(PgServer.Installed)]
    [InlineData(PgServer.Newer)]
    public async Task A_table_that_is_dropped_with_its_view_and_made_again_shows_no_column_more_until_other_masks_say_what_it_is(PgServer on)
    {
        await using var data = await Made(on);
        await Change(data, $"drop table s.people cascade; {Again}; {Row}");
        var outcome = await data.Ready(Rules);
        Assert.True(outcome.Group is not null, outcome.Unavailable);
        Assert.Equal("1|n|[redacted]", await See(data, outcome.Group));
        Assert.StartsWith("42703", await See(data, outcome.Group, "select pin from people"), StringComparison.Ordinal);
        Assert.Contains(outcome.Findings, f => f is { Class: "hidden column", Through: "\"s\".\"people\".\"pin\"", Refuses: false });
        Assert.Equal("1|n|***|[redacted]", await See(data, await data.Group([.. Rules, MaskDatabase.Rule(new MaskWith(MaskKind.Fixed, Text: "***"), "s.people.pin")])));
    }

    [Theory]
    [InlineData("drop schema s cascade; create schema s; " + Again + "; " + Row, "1|n|[redacted]")]
    [InlineData("{views}; alter table s.people alter column name type varchar(9), add column pin text default 'PIN'", "1|n|[redacted]")]
    [InlineData("{views}; alter table s.people drop column name, add column name text default 'PIN'", "1|[redacted]")]
    [InlineData("create table s.again as select id::text, name, 'PIN' as pin, ssn from s.people; drop table s.people cascade; alter table s.again rename to people", "1|n|[redacted]")]
    [InlineData("alter table s.people rename to former; create table s.people as select id, name, 'PIN' as pin, ssn from s.former", "1|n|[redacted]")]
    [InlineData("{views}; alter table s.people rename column ssn to pin; alter table s.people rename column name to ssn", "1")]
    public async Task However_a_migration_goes_about_it_no_more_is_shown(string change, string seen)
    {
        await using var data = await Made();
        var views = await data.Ask("select 'drop view ' || string_agg(c.oid::regclass::text, ', ') || ' cascade' from pg_class c where relkind = 'v' and relnamespace::regnamespace::text ~ '^accessplane_m_'");
        await data.Directly("begin; " + change.Replace("{views}", views, StringComparison.Ordinal) + $"; alter schema s owner to {data.Role}; alter table s.people owner to {data.Role}; " +
            $"grant usage on schema s to {data.Readers}; grant select on all tables in schema s to {data.Readers}; commit");
        Assert.Equal(seen, await See(data, await data.Group(Rules)));
        Assert.Equal(seen, await See(data, await data.Group(Rules))); // what is remembered by then is what was seen
    }

    [Fact]
    public async Task A_table_that_was_away_while_the_agent_looked_is_known_when_it_is_there_again()
    {
        await using var data = await Made();
        await Change(data, $"{People.Replace("people", "others", StringComparison.Ordinal)}; drop table s.people cascade");
        await data.Group(Rules);
        await Change(data, $"create table s.people (id int); drop table s.people; {Again}; {Row}");
        Assert.Equal("1|n|[redacted]", await See(data, await data.Group(Rules)));
    }

    /// <summary>Only of what was shown it was once remembered that it is masked: at the second look a renamed column was none, and what reads it was given as it is.</summary>
    [Fact]
    public async Task A_masked_column_that_was_renamed_is_masked_at_every_look()
    {
        await using var data = await Made();
        await Change(data, "create view s.v as select id, ssn as x from s.people");
        Assert.StartsWith("42501", await See(data, await data.Group(Rules), "select x from s.v"), StringComparison.Ordinal);
        await Change(data, "alter table s.people rename column ssn to pin");
        for (var look = 1; look <= 3; look++)
        {
            var group = await data.Group(Rules);
            Assert.Equal("1|n", await See(data, group));
            Assert.StartsWith("42501", await See(data, group, "select x from s.v"), StringComparison.Ordinal);
        }
        await Change(data, "drop table s.people cascade; create table s.people (id int, name text, pin text); insert into s.people values (1, 'n', 'SECRET'); create view s.v as select id, pin as x from s.people");
        Assert.StartsWith("42501", await See(data, await data.Group(Rules), "select x from s.v"), StringComparison.Ordinal);
        await data.Directly("grant select on s.people to public");
        Assert.Contains((await data.Ready(Rules)).Findings, f => f is { Class: "masked column", Through: "s.people", Refuses: true });
    }

    /// <summary>Of a masked table that the logins cannot read themselves nothing was remembered: its column under another name was given out by a view over it that they can.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_masked_column_of_a_table_that_only_a_view_reads_is_masked_under_whatever_name(bool besideOthers)
    {
        await using var data = await MaskDatabase.Empty();
        var more = besideOthers ? $"{People}; {Row}; grant select on s.people to {data.Readers};" : "";
        await data.Directly($"begin; set role {data.Role}; create schema s; {more} create table s.vault (id int, ssn text); insert into s.vault values (1, 'SECRET'); " +
            $"create view s.shown as select id from s.vault; grant usage on schema s to {data.Readers}; grant select on s.shown to {data.Readers}; commit");
        IReadOnlyList<MaskRule> rules = [.. besideOthers ? Rules : [], MaskDatabase.Rule(MaskWith.Redact, "s.vault.ssn")];
        Assert.Equal("1", await See(data, await data.Group(rules), "select * from s.shown"));
        Assert.Contains("vault", await Memory(data), StringComparison.Ordinal);
        await data.Directly($"begin; set role {data.Role}; alter table s.vault rename column ssn to pin; drop view s.shown; create view s.shown as select pin from s.vault; " +
            $"grant select on s.shown to {data.Readers}; commit");
        for (var look = 1; look <= 2; look++)
        {
            Assert.StartsWith("42501", await See(data, await data.Group(rules), "select * from s.shown"), StringComparison.Ordinal);
        }
    }

    /// <summary>The memory of each name it had stays, and once the oldest of them decided: what was first masked under a later name was shown under the next.</summary>
    [Fact]
    public async Task A_table_that_is_renamed_again_and_again_keeps_the_masks_of_all_of_its_names()
    {
        await using var data = await Made();
        IReadOnlyList<MaskRule> rules = [.. Rules, MaskDatabase.Rule(MaskWith.Redact, "s.persons.name")];
        Assert.Equal("1|n|[redacted]", await See(data, await data.Group(rules)));
        await Change(data, "alter table s.people rename to persons");
        Assert.Equal("1|[redacted]|[redacted]", await See(data, await data.Group(rules), "select * from persons"));
        await Change(data, "alter table s.persons rename to clients");
        for (var look = 1; look <= 2; look++)
        {
            Assert.Equal("1|[redacted]|[redacted]", await See(data, await data.Group(rules), "select * from clients"));
        }
    }

    /// <summary>A dump has what is remembered in it, and OIDs that are other tables' where it is restored: a server that is new counts them from the same start.</summary>
    [Fact]
    public async Task In_a_restored_database_a_table_is_known_by_its_name_whatever_OIDs_are_remembered()
    {
        await using var data = await Made();
        IReadOnlyList<MaskRule> rules = [MaskDatabase.Rule(MaskWith.Redact, "s.people.ssn", "s.store.ssn")];
        await Change(data, Again.Replace("people", "store", StringComparison.Ordinal));
        await data.Group(rules);
        await Change(data, "alter table s.people add column pin text default 'PIN'");
        var mask = (await data.Group(rules)).Schemas[0].Mask;
        var remembered = await data.Ask($"select obj_description(oid, 'pg_ts_dict') from pg_ts_dict where dictname = 'store' and dictnamespace = '{mask}'::regnamespace");
        var store = await data.Ask("select 's.store'::regclass::oid");

        await data.Restore();
        await Change(data, "create table s.again (id int, name text, pin text, ssn text); insert into s.again select id, name, pin, ssn from s.people; drop table s.people cascade; alter table s.again rename to people");
        var people = await data.Ask("select 's.people'::regclass::oid");
        Assert.NotEqual(store, people);
        await data.Directly($"comment on text search dictionary {mask}.store is '{remembered.Replace($"\"relation\":{store},", $"\"relation\":{people},", StringComparison.Ordinal)}'");
        for (var look = 1; look <= 2; look++)
        {
            var group = await data.Group(rules);
            Assert.Equal("1|n|[redacted]", await See(data, group));
            Assert.Equal("", await See(data, group, "select id, name, pin, ssn from store"));
        }
        await Change(data, "alter table s.people rename to persons"); // by now its own OID is remembered
        Assert.Equal("1|n|[redacted]", await See(data, await data.Group(rules), "select * from persons"));
    }

    [Theory]
    [InlineData("create view s.v as select id, pin from s.people", "42501")]
    [InlineData("create materialized view s.v as select id, pin from s.people", "42501")]
    [InlineData("create view s.u as select pin from s.people; create view s.v as select 1 as one where exists (select from s.u where pin = 'PIN')", "42501")]
    [InlineData("create view s.v as select p from s.people p", "42501")]
    [InlineData("create view s.v as select id, name from s.people", "1|n")]
    public async Task A_view_shows_no_column_that_its_table_hides_for_being_new(string view, string seen)
    {
        await using var data = await Made();
        await Change(data, $"alter table s.people add column pin text default 'PIN'; {view}");
        for (var look = 1; look <= 2; look++)
        {
            Assert.StartsWith(seen, await See(data, await data.Group(Rules), "select * from s.v"), StringComparison.Ordinal);
        }
    }

    /// <summary>A migration that adds a column seldom adds it alone: the partition of the next month comes with it.</summary>
    [Theory]
    [InlineData("create table s.log_2 partition of s.log for values from (10) to (20); insert into s.log (id, ssn) values (10, 'SECRET')", "log_2", "10|[redacted]")]
    [InlineData("create table s.all_1 (id int, ssn text, pin text); alter table s.log detach partition s.log_1; alter table s.log_1 inherit s.all_1", "all_1", "1|[redacted]")]
    public async Task A_partition_or_a_parent_that_is_new_shows_no_column_that_the_known_one_hides(string change, string table, string seen)
    {
        await using var data = await Made();
        IReadOnlyList<MaskRule> rules = [MaskDatabase.Rule(MaskWith.Redact, "s.log.ssn")];
        await Change(data, "create table s.log (id int, ssn text) partition by range (id); create table s.log_1 partition of s.log for values from (1) to (10); insert into s.log values (1, 'SECRET')");
        await data.Group(rules);
        await Change(data, $"alter table s.log add column pin text default 'PIN'; {change}");
        var outcome = await data.Ready(rules);
        Assert.True(outcome.Group is not null, outcome.Unavailable);
        Assert.Equal(seen, await See(data, outcome.Group, $"select * from {table}"));
        Assert.Contains(outcome.Findings, f => f is { Class: "hidden column", Refuses: false } && f.Through == $"\"s\".\"{table}\".\"pin\"");
    }

    /// <summary>Its columns would be given as they are: what reads a table shows what its owner may see.</summary>
    [Theory]
    [InlineData("create view s.people as select id, name, pin from s.store", "42501")]
    [InlineData("create materialized view s.people as select id, pin from s.store", "42501")]
    [InlineData("create view s.people as select id, name from s.store", "1|n")]
    public async Task What_took_a_tables_name_and_is_none_shows_no_column_more_either(string view, string seen)
    {
        await using var data = await Made();
        await Change(data, $"drop table s.people cascade; {Again.Replace("people", "store", StringComparison.Ordinal)}; {Row.Replace("people", "store", StringComparison.Ordinal)}; {view}");
        Assert.StartsWith(seen, await See(data, await data.Group(Rules), "select * from s.people"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_masked_for_its_foreign_keys_sake_is_so_in_a_table_made_again_without_it()
    {
        await using var data = await Made();
        await Change(data, "alter table s.people add primary key (ssn); create table s.badges (id int, holder text references s.people); insert into s.badges values (1, 'SECRET')");
        Assert.Equal("1|[redacted]", await See(data, await data.Group(Rules), "select * from badges"));
        await Change(data, "drop table s.badges cascade; create table s.badges (id int, holder text); insert into s.badges values (1, 'SECRET')");
        Assert.Equal("1|[redacted]", await See(data, await data.Group(Rules), "select * from badges"));
    }

    [Fact]
    public async Task Agents_that_come_upon_it_together_agree()
    {
        await using var data = await Made();
        await Change(data, $"drop table s.people cascade; {Again}; {Row}");
        var agents = Enumerable.Range(0, 6).Select(i => new MaskSchemas($"agent-{i}", "orders", TimeProvider.System));
        var outcomes = await Task.WhenAll(agents.Select(a => data.Ready(Rules, masks: a)));
        Assert.All(outcomes, o => Assert.True(o.Group is not null, o.Unavailable));
        Assert.Single(outcomes.Select(o => o.Group!.Role).Distinct());
        Assert.Equal("1|n|[redacted]", await See(data, outcomes[0].Group!));
        Assert.Equal("1", await data.Ask("select count(*) from pg_ts_dict where dictnamespace::regnamespace::text ~ '^accessplane_m_'"));
    }

    /// <summary>An agent of the version before wrote on the view alone: nothing is shown or hidden because of the upgrade, and from then on it is remembered.</summary>
    [Fact]
    public async Task What_a_version_before_wrote_on_a_view_is_carried_over()
    {
        await using var data = await Made();
        await Change(data, "alter table s.people add column pin text default 'PIN'");
        var group = await data.Group(Rules);
        var memory = await Memory(data);
        await data.Directly($"drop text search dictionary {group.Schemas[0].Mask}.people");
        var view = await data.Ask($"select '{group.Schemas[0].Mask}.people'::regclass::oid");
        Assert.Equal("1|n|[redacted]", await See(data, await data.Group(Rules)));
        Assert.Equal((memory, view), (await Memory(data), await data.Ask($"select '{group.Schemas[0].Mask}.people'::regclass::oid")));
        await Change(data, $"drop table s.people cascade; {Again}; {Row}");
        Assert.Equal("1|n|[redacted]", await See(data, await data.Group(Rules)));
    }

    [Theory]
    [InlineData("comment on text search dictionary {mask}.people is null")]
    [InlineData("comment on text search dictionary {mask}.people is 'people'")]
    [InlineData("comment on text search dictionary {mask}.people is '{\"schema\":\"s\",\"name\":\"people\",\"relation\":1,\"columns\":null,\"masks\":{}}'")]
    [InlineData("alter text search dictionary {mask}.people owner to {readers}")]
    public async Task A_memory_that_somebody_else_wrote_lets_nobody_in(string change)
    {
        await using var data = await Made();
        var mask = (await data.Group(Rules)).Schemas[0].Mask;
        await data.Directly(change.Replace("{mask}", mask, StringComparison.Ordinal).Replace("{readers}", data.Readers, StringComparison.Ordinal));
        var outcome = await data.Ready(Rules);
        Assert.Null(outcome.Group);
        Assert.StartsWith($"what is remembered of the view `{mask}.people` was changed by somebody else", outcome.Unavailable, StringComparison.Ordinal);
        Assert.EndsWith($"drop schema \"{mask}\" cascade", outcome.Unavailable, StringComparison.Ordinal);
        await data.Directly($"drop schema {mask} cascade");
        await data.Group(Rules);
    }

    [Fact]
    public async Task A_sessions_login_writes_no_memory()
    {
        await using var data = await Made();
        var group = await data.Group(Rules);
        var mask = group.Schemas[0].Mask;
        var memory = await Memory(data);
        Assert.Contains("\"ssn\"", memory, StringComparison.Ordinal);
        using var client = await data.Login(group);
        foreach (var sql in new[]
        {
            $"comment on text search dictionary {mask}.people is null", $"drop text search dictionary {mask}.people", $"alter text search dictionary {mask}.people rename to x",
            $"alter text search dictionary {mask}.people (accept = false)", $"create text search dictionary {mask}.more (template = simple)", "delete from pg_catalog.pg_description",
            $"drop schema {mask} cascade", $"set role {MaskSql.Owner}",
        })
        {
            Assert.StartsWith("42501", await MaskDatabase.See(client, sql), StringComparison.Ordinal);
        }
        Assert.Equal(memory, await Memory(data));
    }
}
