using System.Diagnostics;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts.Messages;
using Npgsql;
using Xunit;
using static AccessPlane.Tests.Integration.Holds.HeldDeletes;
using static AccessPlane.Tests.Integration.Wire.RawClient;

namespace AccessPlane.Tests.Integration.Holds;

/// <summary>What clients see while their operation waits for people: pipelines, streams and stock clients.</summary>
public sealed class HeldClientsTests
{
    [Fact]
    public async Task In_a_pipeline_a_held_execute_waits_in_the_middle_with_its_parameters()
    {
        await using var agent = await Start();
        using var client = await agent.Connect();
        await client.Send(
            Parse("", "insert into h values (11)"), Bind("", ""), Execute(),
            Parse("", "delete from h where a = $1"), Bind("", "", "11"), Describe('P', ""), Execute(),
            Parse("", "select count(*) from h"), Bind("", ""), Execute(), Sync);
        var before = new List<(char Type, byte[] Body)>();
        while (before.Count == 0 || before[^1].Type != 'N')
        {
            before.Add((await client.Read())!.Value);
        }
        Assert.Equal("1 2 C[INSERT 0 1] 1 2 n N", Story(before));
        var held = agent.NextAsked();
        Assert.Equal(("11", "extended"), (Assert.Single(held.Parameters).Text, held.Protocol));
        Assert.NotNull(held.Rows);
        agent.Decide(held, "released");
        Assert.Equal("C[DELETE 1] 1 2 D[10] C[SELECT 1] ZI", Story(await client.UntilReady()));
        Assert.Equal(10, await Left(agent));
        await client.Send(Parse("", "insert into h values (12)"), Bind("", ""), Execute(), Parse("", "delete from h where a = $1"), Bind("", "", "12"), Execute(), Sync);
        agent.Decide(agent.NextAsked(), "refused");
        Assert.Equal("1 2 C[INSERT 0 1] 1 2 N E42501 ZI", Story(await client.UntilReady()));
        Assert.Equal(10, await Left(agent));
    }

    [Fact]
    public async Task Nothing_is_half_said_when_the_notice_comes_beside_a_stream_of_rows_and_notifications()
    {
        await using var agent = await Start();
        using var client = await agent.Connect();
        using var other = await agent.Connect();
        await client.Ask(Query("listen n"));
        for (var i = 0; i < 5; i++)
        {
            var noise = Task.Run(async () =>
            {
                for (var n = 0; n < 50; n++)
                {
                    await other.Ask(Query($"notify n, '{new string('x', 7000)}'"));
                }
            }, TestContext.Current.CancellationToken);
            await client.Send(Query("delete from h where a = 0"));
            var seen = new List<char>();
            HeldOperation? held = null;
            while (!seen.Contains('Z'))
            {
                var (type, body) = (await client.Read())!.Value;
                Assert.Contains(type, "NACZ");
                seen.Add(type);
                if (type == 'N')
                {
                    Assert.Equal("held by", Field(body, 'M')[..7]);
                    held = agent.NextAsked();
                    agent.Decide(held, "released");
                }
            }
            Assert.NotNull(held);
            await noise;
        }
    }

    [Fact]
    public async Task Psql_shows_the_notice_and_waits_also_under_tls()
    {
        await using var agent = await Start(tls: true);
        var (user, password) = agent.Ticket();
        var start = new ProcessStartInfo("psql", ["-X", "-c", "delete from h where a <= 3"]) { RedirectStandardError = true, RedirectStandardOutput = true };
        (start.Environment["PGHOST"], start.Environment["PGPORT"], start.Environment["PGUSER"]) = ("127.0.0.1", agent.Port.ToString(System.Globalization.CultureInfo.InvariantCulture), user);
        (start.Environment["PGPASSWORD"], start.Environment["PGDATABASE"], start.Environment["PGSSLMODE"]) = (password, agent.Database, "require");
        using var psql = Process.Start(start)!;
        var notice = await psql.StandardError.ReadLineAsync(TestContext.Current.CancellationToken);
        Assert.StartsWith("NOTICE:  held by `bulk`: it waits for group `dba` until ", notice, StringComparison.Ordinal);
        var held = agent.NextAsked();
        Assert.InRange(held.Rows!.Value, 1, 4);
        agent.Decide(held, "released");
        await psql.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal("DELETE 3\n", await psql.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken));
        Assert.Equal(7, await Left(agent));
    }

    [Fact]
    public async Task Npgsql_deletes_by_parameter_once_somebody_has_said_yes()
    {
        await using var agent = await Start();
        await using var connection = new NpgsqlConnection(agent.NpgsqlString());
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        var notices = new List<string>();
        connection.Notice += (_, e) => notices.Add(e.Notice.MessageText);
        await using var command = new NpgsqlCommand("delete from h where a = $1", connection) { Parameters = { new() { Value = 4 } } };
        var deleting = command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        var held = agent.NextAsked();
        var parameter = Assert.Single(held.Parameters);
        Assert.Equal((23L, Convert.ToBase64String([0, 0, 0, 4])), (parameter.Type, parameter.Base64));
        agent.Decide(held, "released");
        Assert.Equal(1, await deleting);
        Assert.Single(notices);
    }

    [Fact]
    public async Task Asking_the_planner_runs_nothing_and_what_is_too_long_to_read_asks_nobody()
    {
        await using var agent = await Start();
        await agent.Directly(
            "create sequence ran", $"grant all on sequence ran to {agent.Database}",
            "create function f(int) returns boolean language sql volatile as $$ select nextval('ran') > 0 $$");
        using var client = await agent.Connect();
        await client.Send(Query("delete from h where f(a)"));
        await Notice(client);
        var held = agent.NextAsked();
        Assert.Null(held.Rows); // planning could run a function of the users' own
        Assert.Equal(false, await agent.Ask("select is_called from ran"));
        agent.Decide(held, "refused");
        await client.UntilReady();
        await client.Send(Query("delete from h; select 1"));
        await Notice(client);
        var several = agent.NextAsked();
        Assert.Null(several.Rows);
        agent.Decide(several, "refused");
        await client.UntilReady();
        Assert.Equal("E42501 ZI", Story(await client.Ask(Query($"delete from h -- {new string('x', PgHolds.LongestText)}"))));
        Assert.Empty(agent.Asked);
    }
}
