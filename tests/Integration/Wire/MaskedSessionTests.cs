using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>Sessions whose columns PostgreSQL itself hides: each with a login of its own, which sees views in the place of tables.</summary>
public sealed class MaskedSessionTests
{
    private static readonly Who Nobody = Who.Nobody;
    private static readonly MaskRule Ssn = new("ssn", "orders", ["*.customers.ssn"], [], new MaskWith(MaskKind.KeepLast, 4), null, Inference.Refuse);

    private static readonly string[] Shop =
    [
        "create schema shop", "create table shop.customers (id int primary key, name text not null, ssn text, notes text)",
        "insert into shop.customers values (1, 'Ada', '123-45-6789', 'first'), (2, 'Grace', '987-65-4321', null)",
        "create table public.customers (id int primary key, ssn text)", "insert into public.customers values (1, '111-22-3333')",
        "create table public.orders (id int primary key, customer int, total numeric)", "insert into public.orders values (1, 1, 10), (2, 1, 20), (3, 2, 30)",
    ];

    internal static WireOptions Options(params string[] more) => new(Masks: [Ssn])
    {
        Masking = MaskingMode.Server,
        Attributes = "createrole",
        Before = [.. Shop, .. more],
    };

    [Fact]
    public async Task A_client_sees_masks_by_whatever_name_it_calls_the_table()
    {
        await using var agent = await WireAgent.Start(Options());
        await using var client = await Open(agent);
        Assert.Equal("********3333", await Ask(client, "select ssn from customers"));
        Assert.Equal("********3333", await Ask(client, "select c.ssn from public.customers c"));
        Assert.Equal("********6789", await Ask(client, "select shop.customers.ssn from shop.customers where shop.customers.id = 1"));
        Assert.Equal("********6789", await Ask(client, "select ssn from \"shop\" . \"customers\" where id = $1", 1));
        Assert.Equal("********6789", await Ask(client, "select ssn from SHOP.customers order by ssn desc limit 1"));
        Assert.Equal(30m, await Ask(client, "select sum(o.total) from orders o join shop.customers c on c.id = o.customer where c.name = 'Ada'"));
    }

    [Fact]
    public async Task What_is_compared_grouped_and_sorted_is_the_mask()
    {
        await using var agent = await WireAgent.Start(Options());
        await using var client = await Open(agent);
        Assert.Equal(0L, await Ask(client, "select count(*) from shop.customers where ssn = '123-45-6789'"));
        Assert.Equal(1L, await Ask(client, "select count(*) from shop.customers where ssn like '%6789'"));
        Assert.Equal("********4321", await Ask(client, "select min(ssn) from shop.customers group by name order by 1 limit 1"));
    }

    [Fact]
    public async Task Prepared_statements_cursors_copies_and_plans_simply_work()
    {
        await using var agent = await WireAgent.Start(Options());
        await using var client = await Open(agent);
        await Run(client, "prepare one (int) as select ssn from shop.customers where id = $1");
        Assert.Equal("********4321", await Ask(client, "execute one (2)"));
        await Run(client, "begin; declare c cursor for select ssn from shop.customers order by id");
        Assert.Equal("********6789", await Ask(client, "fetch c"));
        await Run(client, "commit");
        Assert.Contains("Scan", (string)(await Ask(client, "explain select * from shop.customers"))!, StringComparison.Ordinal);
        using var reader = await client.BeginTextExportAsync("copy (select ssn from shop.customers order by id) to stdout", TestContext.Current.CancellationToken);
        Assert.Equal("********6789\n********4321\n", await reader.ReadToEndAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Each_session_has_a_login_that_is_gone_after_it()
    {
        await using var agent = await WireAgent.Start(Options());
        string login;
        await using (var client = await Open(agent))
        {
            login = (string)(await Ask(client, "select current_user::text"))!;
            Assert.StartsWith("accessplane_s_", login, StringComparison.Ordinal);
            await using var other = await Open(agent);
            Assert.NotEqual(login, await Ask(other, "select current_user::text"));
            Assert.Equal(1L, await agent.Ask($"select count(*) from pg_roles where rolname = '{login}' and rolvaliduntil is not null and rolconnlimit = 1"));
        }
        await WireAgent.Until(async () => await agent.Ask($"select count(*) from pg_roles where rolname = '{login}'") is 0L);
        Assert.Contains(agent.Transcript(), line => line.Contains(login, StringComparison.Ordinal) && line.Contains("\"maskedBy\":[\"ssn\"]", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Clear_columns_can_be_written_and_masked_ones_cannot()
    {
        await using var agent = await WireAgent.Start(Options());
        await using var client = await Open(agent);
        await Run(client, "update shop.customers set notes = 'called' where id = 2");
        Assert.Equal("called", await agent.Ask("select notes from shop.customers where id = 2"));
        var written = await Assert.ThrowsAsync<PostgresException>(() => Run(client, "update shop.customers set ssn = 'x' where id = 2"));
        Assert.Equal("denied by `ssn`: the column `shop.customers.ssn` is masked for you, and so it cannot be written: leave it out", written.MessageText);
        var copied = await Assert.ThrowsAsync<PostgresException>(() => Run(client, "update shop.customers set notes = ssn"));
        Assert.Contains("what would be written is the mask", copied.MessageText, StringComparison.Ordinal);
        Assert.Equal("987-65-4321", await agent.Ask("select ssn from shop.customers where id = 2"));
    }

    [Fact]
    public async Task An_error_stands_where_the_client_wrote_it()
    {
        await using var agent = await WireAgent.Start(Options());
        await using var client = await Open(agent);
        const string text = "select 'é', nothing, ssn from shop.customers";
        var error = await Assert.ThrowsAsync<PostgresException>(() => Run(client, text));
        Assert.Equal(text.IndexOf("nothing", StringComparison.Ordinal) + 1, error.Position);
        const string behind = "select ssn from shop.customers where nothing = 1";
        error = await Assert.ThrowsAsync<PostgresException>(() => Run(client, behind));
        Assert.Equal(behind.IndexOf("nothing", StringComparison.Ordinal) + 1, error.Position);
    }

    [Fact]
    public async Task Whoever_a_mask_is_not_for_sees_the_column_and_the_record_says_so()
    {
        var exempt = Ssn with { Unless = Nobody with { Subjects = ["https://idp|engineer"] } };
        await using var agent = await WireAgent.Start(Options() with { Masks = [exempt] });
        await using var client = await Open(agent);
        Assert.Equal("123-45-6789", await Ask(client, "select ssn from shop.customers where id = 1"));
        Assert.Contains(agent.Transcript(), line => line.Contains("\"unmasked\":[\"ssn\"]", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_role_that_may_not_make_logins_opens_no_session_and_says_why()
    {
        await using var agent = await WireAgent.Start(Options() with { Attributes = "" });
        var state = await agent.UntilMasking(MaskingStatus.Unavailable);
        Assert.Contains("CREATEROLE", state.Reason, StringComparison.OrdinalIgnoreCase);
        var refused = await Assert.ThrowsAsync<PostgresException>(() => Connect(agent));
        Assert.StartsWith("masking: server unavailable: ", refused.MessageText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_made_in_a_database_before_an_admin_has_seen_it()
    {
        await using var agent = await WireAgent.Start(Options() with { NobodyOrders = true });
        var shown = await agent.UntilMasking(MaskingStatus.Planned);
        Assert.Contains("create view", shown.Sql, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(MaskingState.PlanOf(shown.Sql), shown.Plan);
        Assert.Equal(0L, await agent.Ask("select count(*) from pg_namespace where nspname like 'accessplane%'"));
        var refused = await Assert.ThrowsAsync<PostgresException>(() => Connect(agent));
        Assert.StartsWith("masking: server unavailable: ", refused.MessageText, StringComparison.Ordinal);
        agent.Apply(new MaskingApply("orders", agent.Database, shown.Plan));
        await using var client = await Open(agent);
        Assert.Equal("********3333", await Ask(client, "select ssn from customers"));
    }

    [Fact]
    public async Task What_a_killed_agent_left_is_swept_by_the_next_one()
    {
        await using var agent = await WireAgent.Start(Options());
        string login;
        await using (var client = await Open(agent))
        {
            login = (string)(await Ask(client, "select current_user::text"))!;
        }
        await WireAgent.Until(async () => await agent.Ask($"select count(*) from pg_roles where rolname = '{login}'") is 0L);
        await agent.Directly($"set role {agent.Database}", $"create role {login} login role current_user"); // as if the process had died before
        await agent.Reopen();
        await WireAgent.Until(async () => await agent.Ask($"select count(*) from pg_roles where rolname = '{login}'") is 0L);
        await using var again = await Open(agent);
        Assert.Equal("********3333", await Ask(again, "select ssn from customers"));
    }

    internal static async Task<NpgsqlConnection> Open(WireAgent agent)
    {
        await agent.UntilMasking(MaskingStatus.Ready);
        return await Connect(agent);
    }

    private static async Task<NpgsqlConnection> Connect(WireAgent agent)
    {
        var connection = new NpgsqlConnection(agent.NpgsqlString(more: "Gss Encryption Mode=Disable"));
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        return connection;
    }

    private static async Task<object?> Ask(NpgsqlConnection client, string sql, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, client);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }
        return await command.ExecuteScalarAsync(TestContext.Current.CancellationToken);
    }

    private static async Task Run(NpgsqlConnection client, string sql)
    {
        await using var command = new NpgsqlCommand(sql, client);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}
