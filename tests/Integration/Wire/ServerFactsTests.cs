using AccessPlane.Contracts.Policy;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>What a real server does with names and transactions where a proxy could believe something else, and what the agent's record says of it.</summary>
public sealed class ServerFactsTests : IAsyncLifetime
{
    private static readonly string Long = new('n', 63);
    private WireAgent agent = null!;

    public async ValueTask InitializeAsync()
    {
        agent = await Start();
        await agent.Directly("create table t (a int)", $"grant all on t to {agent.Database}");
    }

    public ValueTask DisposeAsync() => agent.DisposeAsync();

    private async Task<RawClient> Directly()
    {
        var client = await Dial(agent.Direct.Port);
        await client.Login(agent.Direct.User, agent.Direct.Password, ("database", agent.Database));
        return client;
    }

    private static byte[] Run(string sql) => [.. Parse("", sql), .. Bind("", ""), .. Execute()];

    [Fact]
    public async Task Names_are_compared_by_their_first_63_bytes()
    {
        using var direct = await Directly();
        Assert.Equal("1 2 D[1] C[SELECT 1] ZI", Story(await direct.Ask(Parse(Long + "1", "select 1"), Bind("", Long + "2"), Execute(), Sync)));
        using var client = await agent.Connect();
        Assert.Equal("E42622 ZI", Story(await client.Ask(Parse(Long + "1", "select 1"), Sync)));
        Assert.Equal("1 2 D[1] C[SELECT 1] ZI", Story(await client.Ask(Parse(Long, "select 1"), Bind("", Long), Execute(), Sync)));
    }

    [Fact]
    public async Task EXECUTE_runs_whatever_the_protocol_has_prepared()
    {
        byte[][] prepare = [Parse("a", "select 1"), Parse("b", "deallocate a"), Sync];
        byte[][] use = [Bind("", "a"), Execute(), Sync];
        using var direct = await Directly();
        Assert.Equal("1 1 ZI C[DEALLOCATE] ZI E26000 ZI", Story([.. await direct.Ask(prepare), .. await direct.Ask(Query("execute b")), .. await direct.Ask(use)]));
        using var client = await agent.Connect();
        Assert.Equal("1 1 ZI C[DEALLOCATE] ZI E26000 ZI", Story([.. await client.Ask(prepare), .. await client.Ask(Query("execute b")), .. await client.Ask(use)]));
    }

    [Fact]
    public async Task PREPARE_and_DEALLOCATE_outlive_the_failure_of_their_text()
    {
        const string text = "deallocate a; prepare a as insert into t values (1); select 1/0";
        byte[][] use = [Bind("", "a"), Execute(), Sync];
        using (var direct = await Directly())
        {
            Assert.Equal("1 ZI C[DEALLOCATE] C[PREPARE] E22012 ZI 2 C[INSERT 0 1] ZI", Story(
                [.. await direct.Ask(Parse("a", "select 1"), Sync), .. await direct.Ask(Query(text)), .. await direct.Ask(use)]));
        }
        using var client = await agent.Connect();
        Assert.Equal("1 ZI C[DEALLOCATE] C[PREPARE] E22012 ZI E26000 ZI", Story(
            [.. await client.Ask(Parse("a", "select 1"), Sync), .. await client.Ask(Query(text)), .. await client.Ask(use)]));
    }

    [Fact]
    public async Task A_name_that_changes_hands_within_a_pipeline_is_followed()
    {
        using var client = await agent.Connect();
        Assert.Equal("1 ZI 1 2 C[DEALLOCATE] 1 2 C[INSERT 0 1] ZI", Story(
        [
            .. await client.Ask(Parse("a", "select 1"), Sync),
            .. await client.Ask(Run("deallocate a"), Parse("a", "insert into t values (7)"), Bind("", "a"), Execute(), Sync),
        ]));
        Assert.Contains(agent.Transcript(), l => l.Contains("\"protocol\":\"extended\",\"text\":\"insert into t values (7)\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_name_that_is_taken_stays_what_it_is()
    {
        using var client = await agent.Connect();
        Assert.Equal("1 ZI E42P05 ZI 2 D[1] C[SELECT 1] ZI", Story(
        [
            .. await client.Ask(Parse("a", "select 1"), Sync), .. await client.Ask(Parse("a", "insert into t values (8)"), Bind("", "a"), Execute(), Sync),
            .. await client.Ask(Bind("", "a"), Execute(), Sync),
        ]));
        Assert.Equal(0L, await agent.Ask("select count(*) from t"));
    }

    [Fact]
    public async Task What_a_deferred_constraint_takes_back_at_the_end_is_not_recorded_as_completed()
    {
        await agent.Directly("create table d (a int unique deferrable initially deferred)", $"grant all on d to {agent.Database}", "insert into d values (1)");
        using var client = await agent.Connect();
        Assert.Equal("1 2 C[INSERT 0 1] E23505 ZI", Story(await client.Ask(Run("insert into d values (1)"), Sync)));
        Assert.Contains(agent.Transcript(), l => l.Contains("\"outcome\":\"undone\"", StringComparison.Ordinal) && l.Contains("23505", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_was_bound_in_one_unit_and_runs_in_a_later_one_has_its_result_recorded()
    {
        using var client = await agent.Connect();
        Assert.Equal("C[BEGIN] ZT 1 2 ZT C[INSERT 0 1] ZT C[COMMIT] ZI", Story(
        [
            .. await client.Ask(Query("begin")), .. await client.Ask(Parse("", "insert into t values (9)"), Bind("p", ""), Sync),
            .. await client.Ask(Execute("p"), Sync), .. await client.Ask(Query("commit")),
        ]));
        Assert.Contains(agent.Transcript(), l => l.Contains("\"tag\":\"INSERT 0 1\"", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(Evidence.Buffered)]
    [InlineData(Evidence.Fsync)]
    public async Task The_record_of_a_statement_is_in_its_file_before_the_server_begins(Evidence evidence)
    {
        await using var recording = await Start(new WireOptions(Evidence: evidence));
        await recording.Directly("create table e (a int)", $"grant all on e to {recording.Database}");
        using var client = await recording.Connect();
        byte[] unit = [.. Parse("", "insert into e values ($1)"), .. Bind("", "", "1"), .. Execute(), .. Sync];
        await client.Send([.. Enumerable.Repeat(unit, 50)]);
        for (var i = 0; i < 50; i++)
        {
            Assert.Equal("1 2 C[INSERT 0 1] ZI", Story(await client.UntilReady()));
        }
        await client.Send(Query("copy e from stdin"));
        Assert.Equal('G', (await client.Read())!.Value.Type);
        Assert.Equal("C[COPY 1] ZI", Story(await client.Ask(AccessPlane.Agent.Protocols.PostgreSql.PgFrame.Of('d', "5\n"u8), AccessPlane.Agent.Protocols.PostgreSql.PgFrame.Of('c', []))));
        await client.Send(Query("select pg_sleep(20)"));
        await Until(() => recording.Backends("query like '%pg_sleep%' and state = 'active'", 1));
        Assert.Contains("select pg_sleep(20)", recording.OnDisk(), StringComparison.Ordinal);
        recording.Revoke();
        Assert.EndsWith("E57P01", Story(await client.UntilReady()), StringComparison.Ordinal);
        await Until(() => recording.Backends("true", 0));
        Assert.Equal(50, recording.Transcript().Count(l => l.Contains("insert into e values", StringComparison.Ordinal)));
    }
}
