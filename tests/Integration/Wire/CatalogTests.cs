using AccessPlane.Contracts.Policy;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>Statements are understood in the database's schema as it is, whoever changes it.</summary>
public sealed class CatalogTests : IAsyncLifetime
{
    private const string Unreadable = "revoke select on pg_catalog.pg_class from public";
    private const string Readable = "grant select on pg_catalog.pg_class to public";
    private readonly HurriedTime time = new();
    private WireAgent agent = null!;

    public async ValueTask InitializeAsync()
    {
        agent = await Start(new WireOptions(Time: time));
        await agent.Directly("create table secret as select 1 as a", $"grant select on secret to {agent.Database}", $"grant create on schema public to {agent.Database}");
    }

    public ValueTask DisposeAsync() => agent.DisposeAsync();

    private static Guardrail Deny(string id, Match match) => new(id, "orders", match, Effect.Deny);

    private void HideSecret() => agent.Guard(Deny("secret", Match.Everything with { Relations = ["public.secret"] }));

    private static async Task<string> Told(RawClient client, string sql)
    {
        var answer = await client.Ask(Query(sql));
        return answer.FirstOrDefault(m => m.Type == 'E') is { Type: 'E' } error ? $"{Field(error.Body, 'C')} {Field(error.Body, 'M')}" : Story(answer);
    }

    private static async Task<bool> IsHidden(RawClient client, string sql) => (await Told(client, sql)).StartsWith("42501 denied by `secret`", StringComparison.Ordinal);

    [Fact]
    public async Task What_a_session_creates_is_understood_by_its_next_statement_and_by_other_sessions_at_once()
    {
        using var maker = await agent.Connect();
        using var other = await agent.Connect();
        Assert.Equal("E42P01 ZI", Story(await other.Ask(Query("select * from v"))));
        Assert.Equal("C[CREATE VIEW] ZI", Story(await maker.Ask(Query("create view v as select * from secret"))));
        Assert.Equal("T D[1] C[SELECT 1] ZI", Story(await maker.Ask(Query("select * from v"))));
        HideSecret();
        Assert.True(await IsHidden(maker, "select * from v"));
        await Until(() => IsHidden(other, "select * from v"));
    }

    [Fact]
    public async Task What_another_connection_creates_is_understood_when_the_schema_has_been_looked_at_again()
    {
        HideSecret();
        using var client = await agent.Connect();
        Assert.Equal("E42P01 ZI", Story(await client.Ask(Query("select * from elsewhere"))));
        await agent.Directly("create view elsewhere as select * from secret", $"grant select on elsewhere to {agent.Database}");
        time.LookAgain();
        await Until(() => IsHidden(client, "select * from elsewhere"));
        // what is there no more is not remembered
        await agent.Directly("create or replace view elsewhere as select 2 as a");
        time.LookAgain();
        await Until(async () => Story(await client.Ask(Query("select * from elsewhere"))) == "T D[2] C[SELECT 1] ZI");
    }

    [Fact]
    public async Task A_table_is_used_in_the_transaction_that_creates_it_unless_what_cannot_be_seen_through_is_denied()
    {
        using var client = await agent.Connect();
        Assert.Equal("C[BEGIN] ZT", Story(await client.Ask(Query("begin"))));
        Assert.Equal("C[CREATE TABLE] ZT", Story(await client.Ask(Query("create table n (a int)"))));
        Assert.Equal("C[INSERT 0 1] ZT", Story(await client.Ask(Query("insert into n values (7)"))));
        Assert.Equal("T D[7] C[SELECT 1] ZT", Story(await client.Ask(Query("select a from n"))));
        Assert.DoesNotContain(agent.Transcript(), l => l.Contains("the schema was changed in this transaction", StringComparison.Ordinal));
        Assert.Equal("C[ALTER TABLE] ZT", Story(await client.Ask(Query("alter table n rename to m"))));
        Assert.Equal("T D[7] C[SELECT 1] ZT", Story(await client.Ask(Query("select a from m"))));
        Assert.Contains(agent.Transcript(), l => l.Contains("the schema was changed in this transaction", StringComparison.Ordinal));
        Assert.Equal("C[ROLLBACK] ZI", Story(await client.Ask(Query("rollback"))));
        Assert.Equal("E42P01 ZI", Story(await client.Ask(Query("select a from n"))));

        agent.Guard(Deny("no-hiding", Match.Everything with { Opaque = true }));
        Assert.Equal("C[BEGIN] ZT", Story(await client.Ask(Query("begin"))));
        Assert.Equal("C[CREATE VIEW] ZT", Story(await client.Ask(Query("create view n as select * from secret"))));
        Assert.StartsWith("42501 denied by `no-hiding`", await Told(client, "select * from n"), StringComparison.Ordinal);
        Assert.Equal("C[ROLLBACK] ZI", Story(await client.Ask(Query("commit"))));

        Assert.Equal("C[BEGIN] ZT", Story(await client.Ask(Query("begin"))));
        Assert.Equal("C[CREATE VIEW] ZT", Story(await client.Ask(Query("create view n as select * from secret"))));
        Assert.Equal("C[COMMIT] ZI", Story(await client.Ask(Query("commit"))));
        HideSecret();
        Assert.True(await IsHidden(client, "select * from n"));
    }

    [Fact]
    public async Task Where_the_catalog_cannot_be_read_no_session_begins_and_its_client_is_told_so()
    {
        await agent.Directly(Unreadable);
        var (user, password) = agent.Ticket();
        using (var refused = await Dial(agent.Port))
        {
            await refused.Send(Startup(("user", user), ("database", agent.Database)));
            await refused.Prove(password);
            Assert.Equal("58030 the database's catalog cannot be read, and without it no statement can be judged", await refused.Refusal());
        }
        await agent.Directly(Readable);
        using var client = await agent.Connect();
        await client.StillWorks();
    }

    [Fact]
    public async Task Where_it_cannot_be_read_again_after_a_change_statements_are_refused_until_it_can()
    {
        using var client = await agent.Connect();
        await agent.Directly(Unreadable);
        Assert.Equal("C[CREATE VIEW] ZI", Story(await client.Ask(Query("create view v as select * from secret"))));
        Assert.Contains("the schema was changed, and the database's catalog cannot be read again: try again", await Told(client, "select * from v"), StringComparison.Ordinal);
        Assert.Contains("try again", await Told(client, "select 1"), StringComparison.Ordinal);
        await agent.Directly(Readable);
        Assert.Equal("T D[1] C[SELECT 1] ZI", Story(await client.Ask(Query("select * from v"))));
        HideSecret();
        Assert.True(await IsHidden(client, "select * from v"));
        FaultReport.Saw($"2 of 2 statements refused while the catalog could not be read; then served again, and a column that is masked now was hidden");
    }

    /// <summary>The real time, but that what happens every half a minute happens when the test says so.</summary>
    private sealed class HurriedTime : TimeProvider
    {
        private static readonly TimeSpan Refreshed = TimeSpan.FromSeconds(30);
        private readonly List<Hurried> timers = [];

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = new Hurried(base.CreateTimer(callback, state, dueTime, period), () => callback(state));
            lock (timers)
            {
                timers.Add(timer);
            }
            return timer;
        }

        public void LookAgain()
        {
            lock (timers)
            {
                Assert.Contains(timers, t => t.Period == Refreshed);
                timers.Where(t => t.Period == Refreshed).ToList().ForEach(t => t.Fire());
            }
        }

        private sealed class Hurried(ITimer timer, Action fire) : ITimer
        {
            public TimeSpan Period { get; private set; } = Timeout.InfiniteTimeSpan;

            public void Fire() => fire();

            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                Period = period;
                return timer.Change(dueTime, period);
            }

            public void Dispose() => timer.Dispose();

            public ValueTask DisposeAsync() => timer.DisposeAsync();
        }
    }
}
