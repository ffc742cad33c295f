using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Integration.Wire;

namespace AccessPlane.Tests.Integration.Masking;

/// <summary>The corpus's shop behind an agent that lets PostgreSQL itself hide its sensitive columns. The agent's role owns all of it and is no superuser.</summary>
internal sealed class HiddenShop : IAsyncDisposable
{
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

    /// <summary>As it was at the start; the masks follow with the next session.</summary>
    public Task Reset() => Agent.Directly([$"set role {Agent.Database}", "drop schema shop cascade", .. fixture]);

    public async ValueTask DisposeAsync() => await Agent.DisposeAsync();
}
