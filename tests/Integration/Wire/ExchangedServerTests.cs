using AccessPlane.Agent.Protocols.PostgreSql.Masking;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using Npgsql;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>
/// The address of the database leads to another one from some moment on, and the first one lives on, as after a fail-over that left it running: with the same names
/// in it, which mean something else there.
/// </summary>
public sealed class ExchangedServerTests : IAsyncLifetime
{
    private const string Exchanged = "the database behind this agent is another one by now: connect again";
    private readonly NpgsqlConnectionStringBuilder first = new(Servers.Need("ACCESSPLANE_TEST_ORDERS"));
    private readonly NpgsqlConnectionStringBuilder other = new(Servers.Need("ACCESSPLANE_TEST_POSTGRES_18"));
    private Detour detour = null!;
    private WireAgent agent = null!;

    public ValueTask InitializeAsync()
    {
        detour = new Detour(first.Port);
        return ValueTask.CompletedTask;
    }

    /// <param name="there">Run at the other server by the agent's role.</param>
    private async Task Begin(WireOptions options, params string[] there)
    {
        agent = await Start(options with { UpstreamHost = "127.0.0.1", UpstreamPort = detour.Port });
        await At("postgres", $"create role {agent.Database} login password '{agent.Direct.Password}' {options.Attributes}", $"create database {agent.Database} owner {agent.Database}");
        await At(agent.Database, [$"set role {agent.Database}", .. there]);
    }

    public async ValueTask DisposeAsync()
    {
        await agent.DisposeAsync();
        await detour.DisposeAsync();
        await At("postgres", $"drop database {agent.Database} with (force)",
            $"""
            do $$ declare made text; begin
              for made in select rolname from pg_roles r join pg_shdescription d on d.objoid = r.oid and d.classoid = 'pg_authid'::regclass
                where d.description like '%"{agent.Database}"%' loop
                execute format('drop role %I', made);
              end loop;
            end $$
            """, $"drop role {agent.Database}");
    }

    [Fact]
    public async Task What_was_known_of_the_first_one_is_not_used_for_the_other_and_nobody_goes_on_in_between()
    {
        await Begin(new WireOptions { Before = ["create table secret as select 1 as a", "create view v as select 2 as a"] }, "create table secret as select 7 as a", "create view v as select a from secret");
        agent.Guard(new Guardrail("secret", "orders", Match.Everything with { Relations = ["public.secret"] }, Effect.Deny));
        using var before = await agent.Connect();
        using var idle = await agent.Connect();
        Assert.Equal("T D[2] C[SELECT 1] ZI", Story(await before.Ask(Query("select a from v"))));
        Assert.Null(agent.Listener.Alert);
        detour.LeadsTo(other.Port);
        // both of before are open still, and so is the connection by which the agent reads the first one's catalog
        using (var after = await agent.Connect())
        {
            Assert.Equal("T D[18] C[SELECT 1] ZI", Story(await after.Ask(Query("select current_setting('server_version_num')::int / 10000"))));
            var answer = await after.Ask(Query("select a from v"));
            Assert.Equal("E42501 ZI", Story(answer));
            Assert.StartsWith("denied by `secret`", Field(answer[0].Body, 'M'), StringComparison.Ordinal);
        }
        foreach (var client in (RawClient[])[before, idle])
        {
            Assert.Equal($"57P01 {Exchanged}", await client.Refusal());
        }
        Assert.Contains("the database of `orders` is another one", agent.Listener.Alert, StringComparison.Ordinal);
        Assert.Contains(agent.Transcript(), line => line.Contains("\"cause\":\"upstream\"", StringComparison.Ordinal));
        using (var again = await agent.Connect())
        {
            await again.StillWorks();
        }
        FaultReport.Saw("the address led to another database while 2 sessions were open: both ended with 57P01, a view that hides a table there was judged by what it is there, and the agent says so");
    }

    [Fact]
    public async Task Where_the_database_itself_hides_columns_nobody_is_let_in_before_the_other_one_hides_them_too()
    {
        var options = MaskedSessionTests.Options();
        await Begin(options, [.. options.Before, "update public.customers set ssn = '999-88-7777'"]);
        await At("postgres", $"do $$ begin create role {MaskSql.Owner}; exception when duplicate_object or unique_violation then null; end $$",
            $"grant {MaskSql.Owner} to {agent.Database} with admin option");
        await agent.UntilMasking(MaskingStatus.Ready);
        using var before = await agent.Connect();
        Assert.Equal("T D[********3333] C[SELECT 1] ZI", Story(await before.Ask(Query("select ssn from customers"))));
        detour.LeadsTo(other.Port);
        var refused = new List<string>();
        var seen = "";
        await Until(async () =>
        {
            var (user, password) = agent.Ticket();
            using var client = await Dial(agent.Port);
            await client.Send(Startup(("user", user), ("database", agent.Database)));
            await client.Prove(password);
            var greeting = await client.UntilReady();
            if (greeting[^1] is ('E', var error))
            {
                refused.Add($"{Field(error, 'C')} {Field(error, 'M')}");
                return false;
            }
            seen = Story(await client.Ask(Query("select ssn from customers")));
            return true;
        });
        Assert.Equal("T D[********7777] C[SELECT 1] ZI", seen);
        Assert.NotEmpty(refused);
        Assert.All(refused, text => Assert.Matches("^(08006 the database behind this agent cannot be reached|55000 )", text));
    }

    private async Task At(string database, params string[] statements)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(other.ConnectionString) { Database = database, Pooling = false }.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        foreach (var statement in statements)
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }
    }
}
