using AccessPlane.Agent.Protocols.PostgreSql.Masking;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Unit.Agent;
using Xunit;

namespace AccessPlane.Tests.Integration.Masking;

/// <summary>Masks stay as they have to be, whatever happens to the database, and go when nobody needs them.</summary>
public sealed class MaskUpkeepTests
{
    [Theory]
    [InlineData(PgServer.Installed)]
    [InlineData(PgServer.Newer)]
    public async Task What_is_shown_is_what_is_run_and_a_second_time_nothing_is_left_to_do(PgServer on)
    {
        await using var shop = await MaskDatabase.Shop(on);
        var shown = await shop.Ready(mayApply: false);
        Assert.Null(shown.Group);
        Assert.Contains("create view", shown.Sql, StringComparison.Ordinal);
        Assert.StartsWith("the masks are not in the database yet", shown.Unavailable, StringComparison.Ordinal);
        Assert.Equal("0", await shop.Ask("select count(*) from pg_namespace where nspname like 'accessplane%'"));
        var made = await shop.Ready();
        Assert.Equal((shown.Plan, ""), (made.Group!.Plan, made.Sql));
        var before = await Catalog(shop);
        Assert.Equal(made.Group.Role, (await shop.Ready()).Group!.Role);
        Assert.Equal(made.Group.Role, (await shop.Ready(mayApply: false)).Group!.Role);
        Assert.Equal(before, await Catalog(shop));
    }

    private static Task<string> Catalog(MaskDatabase shop) => shop.Ask(
        "select (select sum(xmin::text::bigint) from pg_class) || ' ' || (select sum(xmin::text::bigint) from pg_namespace) || ' ' || (select sum(xmin::text::bigint) from pg_description)");

    [Theory]
    [InlineData(PgServer.Installed)]
    [InlineData(PgServer.Newer)]
    public async Task Several_at_once_make_it_once(PgServer on)
    {
        await using var shop = await MaskDatabase.Shop(on);
        var all = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => shop.Ready(login: i % 2 == 0 ? shop.Reading : shop.Writing)));
        Assert.All(all, o => Assert.True(o.Group is not null, o.Unavailable));
        Assert.Equal(2, all.Select(o => o.Group!.Role).Distinct().Count());
        Assert.Equal("2", await shop.Ask("select count(*) from pg_namespace where nspname like 'accessplane_m_%'"));
    }

    [Theory]
    [InlineData("create or replace view {mask}.customers with (security_barrier) as select id, name, email, ssn, card, salary, dob, profile, tags, photo, notes, tier, region from shop.customers")]
    [InlineData("alter view {mask}.customers reset (security_barrier)")]
    [InlineData("alter view {mask}.customers set (security_invoker = true)")]
    [InlineData("alter view {mask}.customers owner to postgres")]
    [InlineData("alter view {mask}.customers rename to clients")]
    [InlineData("drop view {mask}.customers")]
    [InlineData("revoke select on {mask}.customers from {group}")]
    [InlineData("grant select on shop.customers to {group}")]
    [InlineData("grant select (ssn) on shop.customers to {group}")]
    [InlineData("grant execute on function shop.f_secdef to {group}")]
    [InlineData("grant create on schema shop to {group}")]
    [InlineData("drop text search dictionary {mask}.customers")]
    [InlineData("drop schema {mask} cascade")]
    public async Task What_somebody_changed_is_put_right(string change)
    {
        await using var shop = await MaskDatabase.Shop();
        var group = await shop.Group();
        await shop.Directly(change.Replace("{group}", group.Role, StringComparison.Ordinal).Replace("{mask}", group.Schemas[0].Mask, StringComparison.Ordinal));
        var seen = await shop.Ready(mayApply: false);
        Assert.Null(seen.Group);
        Assert.NotEmpty(seen.Sql);
        using var client = await shop.Login(await shop.Group());
        Assert.Equal("1|[redacted]|********2222", await MaskDatabase.See(client, "select id, ssn, card from customers where id = 1"));
        Assert.StartsWith("42501", await MaskDatabase.See(client, "select ssn from shop.customers"), StringComparison.Ordinal);
        Assert.StartsWith("42501", await MaskDatabase.See(client, "select f_secdef(1)"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("alter table shop.customers add column pin text default 'SECRET'", "pin")]
    [InlineData("alter table shop.customers rename column ssn to pin", "pin", "[redacted]")]
    [InlineData("alter table shop.customers rename column ssn to x; alter table shop.customers rename column name to ssn; alter table shop.customers rename column x to name", "name", "[redacted]")]
    [InlineData("alter table shop.customers add column pin text; update shop.customers set pin = ssn; alter table shop.customers drop column ssn cascade", "pin")]
    [InlineData("alter table shop.customers alter column salary type bigint", null)]
    [InlineData("alter table shop.customers drop column tags", null)]
    public async Task A_column_that_is_new_under_its_name_is_not_seen_until_other_masks_say_what_it_is(string change, string? hidden, string later = "***")
    {
        await using var shop = await MaskDatabase.Shop();
        await shop.Group();
        await shop.Directly(change);
        var outcome = await shop.Ready();
        Assert.True(outcome.Group is not null, outcome.Unavailable);
        using (var client = await shop.Login(outcome.Group))
        {
            var all = await MaskDatabase.See(client, "select * from customers where id = 1");
            Assert.DoesNotContain("SECRET", all, StringComparison.Ordinal);
            Assert.DoesNotContain("900-11-2233", all, StringComparison.Ordinal);
            Assert.StartsWith("1|", all, StringComparison.Ordinal);
        }
        if (hidden is not null)
        {
            Assert.Contains(outcome.Findings, f => f is { Class: "hidden column", Refuses: false } && f.Through == $"\"shop\".\"customers\".\"{hidden}\"");
            // a foreign key's two ends are masked in one way: where rules differ, by none that shows anything
            var rules = MaskDatabase.Rules.Append(MaskDatabase.Rule(new MaskWith(MaskKind.Fixed, Text: "***"), $"shop.customers.{hidden}")).ToList();
            using var other = await shop.Login(await shop.Group(rules));
            Assert.Equal(later, await MaskDatabase.See(other, $"select {hidden} from customers where id = 1"));
        }
    }

    [Fact]
    public async Task A_table_under_another_name_keeps_its_masks_and_another_one_under_its_name_has_them_too()
    {
        await using var shop = await MaskDatabase.Shop();
        await shop.Group();
        await shop.Directly("alter table shop.customers rename to clients; create table shop.customers (id int, ssn text, pin text); insert into shop.customers values (7, 'SECRET', 'p')",
            $"alter table shop.customers owner to {shop.Role}; grant select on shop.customers to {shop.Readers}");
        using var client = await shop.Login(await shop.Group());
        Assert.Equal("1|Zoe|[redacted]|********2222", await MaskDatabase.See(client, "select id, name, ssn, card from clients where id = 1"));
        Assert.Equal("7|[redacted]", await MaskDatabase.See(client, "select * from customers")); // that name's `pin` is new
    }

    [Fact]
    public async Task Masks_follow_partitions_children_foreign_keys_and_what_is_computed()
    {
        await using var shop = await MaskDatabase.Empty();
        await shop.Directly(
            $"""
            create schema s authorization {shop.Role}; set role {shop.Role}; set search_path = s;
            create table people (ssn text primary key, name text, tail text generated always as (right(ssn, 4)) stored);
            create table badges (id int, holder text references people, name text); create table visits (badge_holder text references people);
            create table log (at date, who text) partition by range (at); create table log_1 partition of log for values from ('2024-01-01') to ('2025-01-01') partition by list (who);
            create table log_1_a partition of log_1 default; create table base (id int, who text); create table child (more text) inherits (base); create table grandchild () inherits (child);
            insert into people values ('SECRET-1', 'n'); insert into badges values (1, 'SECRET-1', 'b'); insert into visits values ('SECRET-1');
            insert into log values ('2024-05-05', 'SECRET-1'); insert into grandchild values (1, 'SECRET-1', 'm');
            grant usage on schema s to {shop.Readers}; grant select on all tables in schema s to {shop.Readers};
            """);
        using var client = await shop.Login(await shop.Group([MaskDatabase.Rule(MaskWith.Redact, "s.badges.holder"), MaskDatabase.Rule(MaskWith.Redact, "s.log_1_a.who", "s.child.who")]));
        foreach (var (sql, rows) in new[]
        {
            ("s.people", "[redacted]|n|[redacted]"), ("s.badges", "1|[redacted]|b"), ("s.visits", "[redacted]"), ("s.log", "2024-05-05|[redacted]"), ("s.log_1", "2024-05-05|[redacted]"),
            ("s.log_1_a", "2024-05-05|[redacted]"), ("s.base", "1|[redacted]"), ("s.child", "1|[redacted]|m"), ("s.grandchild", "1|[redacted]|m"),
        })
        {
            Assert.StartsWith("42501", await MaskDatabase.See(client, $"select * from {sql}"), StringComparison.Ordinal);
            var group = await shop.Group([MaskDatabase.Rule(MaskWith.Redact, "s.badges.holder"), MaskDatabase.Rule(MaskWith.Redact, "s.log_1_a.who", "s.child.who")]);
            Assert.Equal((sql, rows), (sql, await MaskDatabase.See(client, $"select * from {group.Views[sql]}")));
        }
    }

    [Fact]
    public async Task What_nobody_needs_any_more_is_taken_down_whichever_agent_made_it_and_what_somebody_uses_stays()
    {
        await using var shop = await MaskDatabase.Shop();
        var time = new ManualTime();
        var masks = new MaskSchemas("agent", "orders", time);
        var old = (await shop.Ready(masks: masks)).Group!;
        var used = (await shop.Ready(login: shop.Writing, masks: masks)).Group!;
        var asked = (await shop.Ready([MaskDatabase.Rules[0]], masks: masks)).Group!;
        var other = (await shop.Ready([MaskDatabase.Rules[1]], masks: new MaskSchemas("another", "orders", time))).Group!;
        using var client = await shop.Login(used);
        using var own = await shop.Own();
        Assert.Empty(await masks.Collect(own, [], CancellationToken.None)); // needed a moment ago
        time.Advance(TimeSpan.FromDays(1));
        Assert.Equal(new[] { old.Role, other.Role }.Order(), (await masks.Collect(own, [asked.Role], CancellationToken.None)).Select(c => c.WhyNot ?? c.Group).Order());
        Assert.Equal(string.Join(", ", new[] { used, asked }.Select(g => g.Schemas[0].Mask).Order()),
            await shop.Ask("select string_agg(nspname, ', ' order by nspname) from pg_namespace where nspname like 'accessplane_m_%'"));
        Assert.Equal("1|[redacted]", await MaskDatabase.See(client, "select id, ssn from customers where id = 1"));
        Assert.Equal([(asked.Role, null)], await masks.Collect(own, [], CancellationToken.None));
    }

    /// <summary>An agent that is gone for good marks nothing any more, and another one with its role sees to what it left.</summary>
    [Fact]
    public async Task A_mark_that_another_agent_wrote_lately_is_as_good_as_ones_own()
    {
        await using var shop = await MaskDatabase.Shop();
        var time = new ManualTime();
        var (one, other) = (new MaskSchemas("agent", "orders", time), new MaskSchemas("another", "orders-too", time));
        var group = (await shop.Ready(masks: one)).Group!.Role;
        Task<string> Mark() => shop.Ask($"select shobj_description('{group}'::regrole, 'pg_authid')");
        var mark = await Mark();
        Assert.Equal(group, (await shop.Ready(masks: other)).Group!.Role);
        Assert.Equal(group, (await shop.Ready(masks: one)).Group!.Role);
        Assert.Equal(mark, await Mark());
        time.Advance(TimeSpan.FromHours(2));
        await shop.Ready(masks: other);
        var fresh = await Mark();
        Assert.NotEqual(mark, fresh);
        await shop.Ready(masks: one);
        Assert.Equal(fresh, await Mark());
    }

    [Theory]
    [InlineData("alter role {agent} nocreaterole", "the agent's role needs CREATEROLE: alter role \"{agent}\" createrole")]
    [InlineData("alter database {agent} owner to postgres", "the agent's role needs CREATE on the database: grant create on database \"{agent}\" to \"{agent}\"")]
    [InlineData("reassign owned by {agent} to postgres; alter database {agent} owner to {agent}", "the agent's role can pass on none of what the policy's `login` asks for")]
    [InlineData("revoke connect on database {agent} from public; alter database {agent} owner to postgres; grant connect, create on database {agent} to {agent}", "the agent's role must be able to let logins connect: grant connect on database \"{agent}\" to \"{agent}\" with grant option")]
    public async Task What_the_agents_role_may_not_do_is_said_with_what_to_grant(string change, string reason)
    {
        await using var shop = await MaskDatabase.Shop();
        await shop.Directly(change.Replace("{agent}", shop.Role, StringComparison.Ordinal).Split(';'));
        var outcome = await shop.Ready();
        Assert.Null(outcome.Group);
        Assert.StartsWith(reason.Replace("{agent}", shop.Role, StringComparison.Ordinal), outcome.Unavailable, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_role_that_is_not_there_is_named()
    {
        await using var shop = await MaskDatabase.Shop();
        var outcome = await shop.Ready(login: new LoginTerms(["nobody_of_this_name"], []));
        Assert.StartsWith("the policy's `login` names the role `nobody_of_this_name`, which the database does not have", outcome.Unavailable, StringComparison.Ordinal);
    }
}
