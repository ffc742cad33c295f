using AccessPlane.Agent.Protocols.PostgreSql.Masking;
using AccessPlane.Contracts.Policy;
using Xunit;

namespace AccessPlane.Tests.Integration.Masking;

/// <summary>Every way around the masks is found, refuses, and is closed by what its finding says.</summary>
public sealed class MaskClosureTests
{
    /// <summary>What opens each way; {group}, {readers} and {database} stand for names.</summary>
    private static readonly (string Class, string Opens)[] Ways =
    [
        ("masked column", "grant select on shop.customers to public"),
        ("masked column", "grant select (ssn) on shop.customers to public"),
        ("masked column", "grant insert (ssn) on shop.customers to public"),
        ("masked column", "grant references on shop.customers to public"),
        ("masked column", "grant select on shop.events_2024 to public"),
        ("copy of masked columns", "grant select on shop.mv_customers to public"),
        ("copy of masked columns", "grant select (ref) on shop.v_alias to public"),
        ("copy of masked columns", "create view shop.whole as select c.id, to_jsonb(c) from shop.customers c; grant select on shop.whole to public"),
        ("copy of masked columns", "create view shop.over as select * from shop.v_alias; grant select on shop.over to public"),
        ("copy of masked columns", "create view shop.stats as select starelid, stavalues1::text from pg_statistic; grant select on shop.stats to public"),
        ("copy of masked columns", "create materialized view shop.computed as select shop.f_get(1); grant select on shop.computed to public"),
        ("copy of masked columns", "create extension file_fdw; create server f foreign data wrapper file_fdw; create foreign table shop.far (x text) server f options (filename '/dev/null'); grant select on shop.far to public"),
        ("trigger privilege", "grant trigger on shop.pub to public"),
        ("security definer", "create function shop.leak() returns text language sql security definer as 'select ssn from shop.customers limit 1'"),
        ("security definer", "create function shop.step(text, text) returns text language sql security definer as 'select max(ssn) from shop.customers'; create aggregate shop.sum_up(text) (sfunc = shop.step, stype = text); revoke execute on function shop.step from public"),
        ("code outside sql", "create extension dblink"),
        ("code outside sql", "create function shop.inside(cstring) returns int language internal immutable as 'int4in'"),
        ("built-in function", "grant execute on function pg_read_file(text) to public"),
        ("built-in function", "grant execute on function pg_ls_dir(text) to {group}"),
        ("built-in table", "grant select on pg_statistic to public"),
        ("built-in table", "grant select (stavalues1) on pg_statistic to public"),
        ("built-in table", "grant select on pg_largeobject to {group}"),
        ("foreign server", "create extension if not exists postgres_fdw; create server s foreign data wrapper postgres_fdw; grant usage on foreign server s to public"),
        ("foreign server", "create extension if not exists postgres_fdw; grant usage on foreign data wrapper postgres_fdw to public"),
        ("create", "grant create on schema shop to public"),
        ("create", "grant create on database {database} to public"),
        ("large object", "select lo_create(4711); grant select on large object 4711 to public"),
        ("compatibility", "alter database {database} set lo_compat_privileges = on"),
        ("trigger", "create function shop.t() returns trigger language plpgsql security definer as 'begin return new; end'; create trigger t before insert on shop.pub for each row execute function shop.t()"),
        ("event trigger", "create function shop.e() returns event_trigger language plpgsql security definer as 'begin end'; create event trigger e on ddl_command_end execute function shop.e()"),
        ("drift", "grant usage on language plpgsql to {group}"),
        ("drift", "create sequence shop.theirs; alter sequence shop.theirs owner to {group}"),
        ("membership", "grant pg_read_all_data to {group}"),
        ("attribute", "alter role {group} bypassrls"),
        ("literal", "alter table shop.pub add constraint lit check (txt <> '900-11-2233')"),
        ("literal", "alter table shop.customers add constraint lit check (salary <> 771178)"),
        ("literal", "alter table shop.orders add constraint lit check (customer_ssn <> 'somebody')"),
        ("literal", "create table shop.parts (ssn text) partition by list (ssn); create table shop.part partition of shop.parts for values in ('somebody'); alter table shop.parts owner to {owner}; alter table shop.part owner to {owner}"),
        ("literal", "create index lit on shop.customers (id) where ssn = 'somebody'"),
        ("literal", "comment on column shop.pub.txt is 'as in 4929-0000-1111-2222 or 4242 4242 4242 4242'"),
        ("literal", "create function shop.test() returns text language sql as 'select ''900-11-2233''::text'"),
        ("literal", "alter table shop.pub alter column txt set default '900-11-2233'"),
    ];

    private static IReadOnlyList<MaskRule> Rules { get; } = [.. MaskDatabase.Rules, MaskDatabase.Rule(MaskWith.Redact, "shop.parts.ssn")];

    private static string Said(MaskDatabase shop, MaskGroup group, string opens) => "set search_path = public; " + opens.Replace("{group}", group.Role, StringComparison.Ordinal)
        .Replace("{database}", shop.Database, StringComparison.Ordinal).Replace("{owner}", shop.Role, StringComparison.Ordinal);

    private static async Task<MaskGroup> Clean(MaskDatabase shop)
    {
        var clean = await shop.Ready(Rules, shop.Writing);
        Assert.DoesNotContain(clean.Findings, f => f.Refuses);
        return clean.Group!;
    }

    [Fact]
    public async Task Each_way_refuses_until_it_is_closed_as_its_finding_says()
    {
        await using var shop = await MaskDatabase.Shop();
        var group = await Clean(shop);
        var failed = new List<string>();
        foreach (var (kind, opens) in Ways)
        {
            await shop.Directly(Said(shop, group, opens));
            var open = await shop.Ready(Rules, shop.Writing);
            var found = open.Findings.Where(f => f.Refuses).ToList();
            // who is a member of another role has all that is open to that one
            if (open.Group is not null || open.Unavailable is null || !found.Exists(f => f.Class == kind) || (kind != "membership" && found.Exists(f => f.Class != kind)))
            {
                failed.Add($"{opens}: {open.Unavailable} {string.Join("; ", found.Select(f => f.Class))}");
            }
            await shop.Close(open);
            var closed = await shop.Ready(Rules, shop.Writing);
            if (closed.Group is null)
            {
                failed.Add($"{opens}: is not closed by {string.Join("; ", found.Select(f => f.Close))}: {closed.Unavailable}");
            }
            await shop.FillShop();
            await shop.Directly("drop extension if exists postgres_fdw, file_fdw, dblink cascade");
        }
        Assert.True(failed.Count == 0, string.Join('\n', failed));
    }

    [Fact]
    public async Task All_ways_at_once_are_found_and_closed_on_a_newer_server_too()
    {
        await using var shop = await MaskDatabase.Shop(PgServer.Newer);
        var group = await Clean(shop);
        foreach (var (_, opens) in Ways)
        {
            await shop.Directly(Said(shop, group, opens));
        }
        var open = await shop.Ready(Rules, shop.Writing);
        Assert.Null(open.Group);
        Assert.Empty(Ways.Select(w => w.Class).Except(open.Findings.Where(f => f.Refuses).Select(f => f.Class)));
        await shop.Close(open);
        var closed = await shop.Ready(Rules, shop.Writing);
        Assert.True(closed.Group is not null, closed.Unavailable);
    }

    [Fact]
    public async Task What_a_person_has_looked_at_and_accepted_in_writing_refuses_no_more()
    {
        await using var shop = await MaskDatabase.Shop();
        await shop.Directly("create function shop.audit() returns int language sql security definer as 'select 1'", "create extension dblink",
            "alter table shop.pub add constraint lit check (txt <> '900-11-2233')");
        Assert.Equal(3, (await shop.Ready()).Findings.Count(f => f.Refuses));
        await shop.Directly("comment on function shop.audit() is 'accessplane:reviewed by Dana'", "comment on extension dblink is 'accessplane:reviewed'",
            "comment on constraint lit on shop.pub is 'an example, accessplane:reviewed'");
        await shop.Group();
    }

    [Fact]
    public async Task Harmless_extensions_and_what_everybody_has_anyway_are_notes_and_refuse_nothing()
    {
        await using var shop = await MaskDatabase.Shop();
        foreach (var extension in new[] { "hstore", "pg_trgm", "pgcrypto", "citext", "ltree", "intarray", "tablefunc", "lo", "pg_stat_statements", "postgres_fdw", "pageinspect", "adminpack" })
        {
            await shop.Directly($"create extension {extension} schema {(extension == "adminpack" ? "pg_catalog" : "public")}");
        }
        var outcome = await shop.Ready();
        Assert.True(outcome.Group is not null, outcome.Unavailable);
        Assert.Contains(outcome.Findings, f => f is { Class: "statistics of statements", Refuses: false });
        Assert.Contains(outcome.Findings, f => f is { Class: "language", Refuses: false });
        Assert.Contains(outcome.Findings, f => f is { Class: "hidden relation", Refuses: false } && f.Through == "\"shop\".\"mv_customers\"");
    }
}
