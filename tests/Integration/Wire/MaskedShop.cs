using AccessPlane.Contracts.Policy;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>The corpus's shop in a database of its own, behind an agent that masks its sensitive columns; the login may do anything.</summary>
internal sealed class MaskedShop : IAsyncDisposable
{
    private static readonly string[] Extensions =
    [
        "dblink", "hstore", "xml2", "tablefunc", "pageinspect", "pgcrypto", "lo", "adminpack", "pg_trgm", "pgrowlocks", "intarray", "fuzzystrmatch", "pg_stat_statements",
    ];

    private readonly string[] fixture;

    private MaskedShop(WireAgent agent, string[] fixture) => (Agent, this.fixture) = (agent, fixture);

    public WireAgent Agent { get; }

    public static IReadOnlyList<MaskRule> Masks { get; } =
    [
        Rule("pii", MaskWith.Redact, "shop.customers.email", "shop.customers.ssn", "shop.customers.salary", "shop.customers.dob", "shop.customers.profile",
            "shop.customers.tags", "shop.customers.photo", "shop.orders.customer_ssn", "shop.events.ssn", "shop.person.ssn"),
        Rule("cards", MaskWith.Redact, "shop.customers.card"),
    ];

    /// <param name="otherValues">The same shop, in which nothing but the values of masked columns is different.</param>
    public static async Task<MaskedShop> Open(bool otherValues = false)
    {
        var text = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "corpus/postgresql/fixture.sql"));
        var start = text.IndexOf("CREATE TABLE customers", StringComparison.Ordinal);
        text = text[start..text.IndexOf("GRANT USAGE ON SCHEMA shop", StringComparison.Ordinal)];
        if (otherValues)
        {
            foreach (var (one, other) in Others)
            {
                text = text.Replace(one, other, StringComparison.Ordinal);
            }
        }
        var agent = await WireAgent.Start(new WireOptions(Superuser: true, Masks: Masks));
        var shop = new MaskedShop(agent, ["CREATE SCHEMA shop; SET search_path = shop, public; " + text]);
        await agent.Directly([.. Extensions.Select(e => $"CREATE EXTENSION {e}"), $"ALTER ROLE {agent.Database} SET search_path = shop, public"]);
        foreach (var role in new[] { "app_owner", "gw_ro", "gw_rw" })
        {
            await agent.Directly($"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$");
        }
        await agent.Directly(shop.fixture);
        return shop;
    }

    /// <summary>Values of masked columns, and what stands in their place in the other shop.</summary>
    public static (string, string)[] Others =>
    [
        ("900-11-2233", "555-66-7788"), ("901-22-3344", "556-77-8899"), ("zoe.sentinel@secret.example", "a@b.example"), ("yan.sentinel@secret.example", "c@d.example"),
        ("4929000011112222", "5105105105105100"), ("4929000033334444", "5105105105105101"), ("771177", "5"), ("662266", "-77"), ("1971-07-17", "2001-02-03"),
        ("1962-06-26", "2003-04-05"), ("MFASECRET77", "X"), ("MFASECRET66", "YY"), ("TAGSECRET1,TAGSECRET2", "Q"), ("{TAGSECRET3}", "{}"), ("DEADBEEF77", "01"),
        ("CAFEBABE66", "0203"), ("to_char(100+g,'FM000')", "to_char(700-g,'FM000')"), ("10000+g", "90000-g*2"), ("'1990-01-01'::date+g", "'1980-05-05'::date-g"),
        ("'n'||g||'@secret.example'", "'other'||(1000-g)||'@x.example'"), ("to_char(10000000+g", "to_char(90000000-g"), ("{\"mfa\":\"M\"}", "{\"mfa\":\"OTHER\"}"),
    ];

    /// <summary>As it was at the start.</summary>
    public Task Reset() => Agent.Directly(["DROP SCHEMA shop CASCADE", .. fixture]);

    public async ValueTask DisposeAsync() => await Agent.DisposeAsync();

    private static MaskRule Rule(string id, MaskWith with, params string[] columns) => new(id, "orders", columns, [], with, null, Inference.Refuse);
}
