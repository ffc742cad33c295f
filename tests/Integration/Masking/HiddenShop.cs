using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Integration.Wire;

namespace AccessPlane.Tests.Integration.Masking;

/// <summary>The corpus's shop behind an agent that lets PostgreSQL itself hide its sensitive columns. The agent's role owns all of it and is no superuser.</summary>
internal sealed class HiddenShop : IAsyncDisposable
{
    /// <summary>Those that cases use, and that only compute or ask for privileges themselves.</summary>
    private static readonly string[] Extensions = ["hstore", "tablefunc", "pageinspect", "pg_stat_statements", "xml2", "lo", "pg_trgm", "intarray", "fuzzystrmatch"];

    private readonly string[] fixture;

    private HiddenShop(WireAgent agent, string[] fixture) => (Agent, this.fixture) = (agent, fixture);

    public WireAgent Agent { get; }

    public static async Task<HiddenShop> Open(PgServer on = PgServer.Installed)
    {
        var text = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "corpus/postgresql/fixture.sql"));
        var start = text.IndexOf("CREATE TABLE customers", StringComparison.Ordinal);
        string[] fixture =
        [
            "create schema shop; set search_path = shop, public; " + text[start..text.IndexOf("GRANT USAGE ON SCHEMA shop", StringComparison.Ordinal)] +
            "revoke execute on function shop.f_secdef(int) from public",
        ];
        var agent = await WireAgent.Start(new WireOptions(Masks: MaskDatabase.Rules)
        {
            On = on,
            Masking = MaskingMode.Server,
            Attributes = "createrole",
            OwnsMasks = true,
            Before = [.. fixture, "do $$ begin execute format('alter database %I set search_path = shop, public', current_database()); end $$"],
        });
        await agent.UntilMasking(MaskingStatus.Ready);
        return new HiddenShop(agent, fixture);
    }

    /// <summary>Stands for the fixture's owner: a role that may read everything, and that no session is in. The agent's own cannot be given to a group of its
    /// making.</summary>
    public string Owner => $"{Agent.Database}_owner";

    public Task MakeForCases() => Agent.Directly(
        [.. Extensions.Select(e => $"create extension {e} schema public"), $"create role {Owner}", $"comment on role {Owner} is '\"{Agent.Database}\"'"]);

    /// <summary>What all masked sessions are: the fixture's own login is none here.</summary>
    public async Task<string> Group() => (string)(await Agent.Ask(
        $"select rolname::text from pg_roles where rolname ~ '^accessplane_g_' and shobj_description(oid, 'pg_authid') like '%\"{Agent.Database}\"%'"))!;

    /// <summary>A case's ground, whatever it grants to whom. New tables belong to who owns the shop.</summary>
    public Task Prepare(string setup) => Agent.Directly(
        $"grant usage on schema shop to {Owner}; grant select on all tables in schema shop to {Owner}", "set search_path = shop, public", setup,
        $"""
        do $$ declare t regclass; begin
          for t in select oid from pg_class where relnamespace = 'shop'::regnamespace and relkind in ('r', 'p') and pg_get_userbyid(relowner) <> '{Agent.Database}' loop
            execute format('alter table %s owner to {Agent.Database}', t);
          end loop;
        end $$
        """);

    /// <summary>As it was at the start; the masks follow with the next session.</summary>
    /// <param name="group">Loses what it was made a member of.</param>
    public Task Reset(string group) => Agent.Directly([$"revoke {Owner} from {group}", $"alter role {group} inherit", $"set role {Agent.Database}", "drop schema shop cascade", .. fixture]);

    public async ValueTask DisposeAsync() => await Agent.DisposeAsync();
}
