using System.Diagnostics;
using AccessPlane.Contracts.Messages;
using AccessPlane.Tests.Unit.Agent;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>When masked sessions end although nobody asked for it, and what becomes of their logins however they end.</summary>
public sealed class LoginEndingTests
{
    private const string Opens = "grant select on shop.customers to public";
    private const string Closes = "revoke select on shop.customers from public";

    [Fact]
    public async Task A_way_that_opens_behind_the_agents_back_ends_sessions_and_keeps_others_out_until_it_is_closed()
    {
        await using var agent = await WireAgent.Start(MaskedSessionTests.Options());
        using var client = await Open(agent);
        await agent.Directly(Opens);
        // on its way in, or as one of those who are inside
        Assert.Matches("^(55000 masking: server unavailable|57P01 what the policy hides could be seen by now): masked data could be reached in 1 other way\\(s\\), first through shop.customers \\(masked column\\)", await Refused(agent));
        await IsEnded(agent, client);
        await WireAgent.Until(async () => await Logins(agent) is []); // the one that was taken before the way was found as well
        Assert.Contains("masking: server unavailable: ", await Refused(agent), StringComparison.Ordinal);
        await agent.Directly(Closes);
        using var again = await Open(agent);
        Assert.Equal("T D[********3333] C[SELECT 1] ZI", RawClient.Story(await again.Ask(RawClient.Query("select ssn from customers"))));
    }

    [Fact]
    public async Task A_way_that_opens_is_found_where_nobody_comes_too()
    {
        var time = new ManualTime { Wall = TimeProvider.System.GetUtcNow() };
        await using var agent = await WireAgent.Start(MaskedSessionTests.Options() with { Time = time });
        using var client = await Open(agent);
        await agent.Directly(Opens);
        await LooksUntil(MaskingStatus.Unavailable);
        await IsEnded(agent, client);
        await agent.Directly(Closes);
        await LooksUntil(MaskingStatus.Ready);
        using var again = await Open(agent);

        // a look that was under way saw what was before, and the next one counts from its end
        async Task LooksUntil(MaskingStatus status)
        {
            var patience = Stopwatch.StartNew();
            do
            {
                Assert.True(patience.Elapsed < TimeSpan.FromSeconds(90), $"the masks are still {agent.Masking.Last().Status}");
                time.Advance(TimeSpan.FromSeconds(31));
                agent.Ticket(); // whatever the agent is told wakes it
            }
            while (!await agent.IsMasking(status, within: TimeSpan.FromSeconds(5)));
        }
    }

    [Fact]
    public async Task What_somebody_changed_about_the_masks_is_put_right_before_the_next_session_and_while_others_run()
    {
        await using var agent = await WireAgent.Start(MaskedSessionTests.Options());
        using var client = await Open(agent);
        var view = (string)(await agent.Ask("select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = relnamespace where relkind = 'v' and nspname ~ '^accessplane_m_.*_shop'"))!;
        await agent.Directly($"create or replace view {view} with (security_barrier) as select * from shop.customers");
        using var next = await Open(agent);
        foreach (var one in new[] { client, next })
        {
            Assert.Equal("T D[********6789] C[SELECT 1] ZI", RawClient.Story(await one.Ask(RawClient.Query("select ssn from shop.customers where id = 1"))));
        }
    }

    /// <summary>The mark of a group tells when everything was looked at.</summary>
    [Fact]
    public async Task Everything_is_looked_at_once_a_day_though_nothing_seems_to_have_changed()
    {
        var time = new ManualTime { Wall = TimeProvider.System.GetUtcNow() };
        await using var agent = await WireAgent.Start(MaskedSessionTests.Options() with { Time = time });
        string mark;
        bool isQuiet;
        var tries = 0;
        do
        {
            Assert.True(tries++ < 20, "others never leave the roles alone");
            // what others do to roles, which are the whole server's, is a change here too: at either look
            var roles = await Roles(agent);
            using (await Open(agent))
            {
            }
            mark = await Mark(agent);
            isQuiet = Equals(roles, await Roles(agent));
            time.Advance(TimeSpan.FromHours(2));
            using var unchanged = await Open(agent);
            isQuiet &= Equals(roles, await Roles(agent));
        }
        while (!isQuiet);
        Assert.Equal(mark, await Mark(agent));
        time.Advance(TimeSpan.FromHours(23));
        using var client = await Open(agent);
        Assert.NotEqual(mark, await Mark(agent));
    }

    [Fact]
    public async Task A_login_is_gone_whatever_ended_its_session()
    {
        await using var agent = await WireAgent.Start(MaskedSessionTests.Options());
        foreach (var end in new Func<RawClient, string, Task>[]
        {
            (client, _) => client.Send(RawClient.Terminate),
            (client, _) => Vanish(client),
            async (client, _) =>
            {
                await client.Send(RawClient.Query("select repeat('x', 1000), generate_series(1, 100000000)"));
                await client.Read();
                await Vanish(client);
            },
            (_, login) => agent.Directly($"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{login}'"),
            (_, _) =>
            {
                agent.Revoke();
                return Task.CompletedTask;
            },
        })
        {
            using var client = await Open(agent);
            var login = await Who(client);
            await end(client, login);
            await IsGone(agent, login);
        }
    }

    [Fact]
    public async Task A_login_that_cannot_be_dropped_is_tried_again_and_keeps_no_other()
    {
        await using var agent = await WireAgent.Start(MaskedSessionTests.Options());
        var elsewhere = $"kept_{agent.Database}";
        await using var other = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(agent.DirectString) { Database = "postgres" }.ConnectionString);
        await other.OpenAsync(TestContext.Current.CancellationToken);
        string held, free;
        using (var one = await Open(agent))
        using (var two = await Open(agent))
        {
            (held, free) = (await Who(one), await Who(two));
            await Run(other, $"create table {elsewhere} (x int); grant select on {elsewhere} to {held}"); // what is in another database keeps it
        }
        await IsGone(agent, free);
        Assert.Equal(1L, await agent.Ask($"select count(*) from pg_roles where rolname = '{held}'"));
        await Run(other, $"drop table {elsewhere}");
        await IsGone(agent, held);
    }

    [Fact]
    public async Task Logins_that_the_database_does_not_take_are_dropped_and_others_made()
    {
        await using var agent = await WireAgent.Start(MaskedSessionTests.Options());
        await agent.UntilMasking(MaskingStatus.Ready);
        await WireAgent.Until(async () => (await Logins(agent)).Length >= 2);
        var made = await Logins(agent);
        await agent.Directly([.. made.Select(l => $"alter role {l} nologin")]);
        foreach (var _ in made)
        {
            Assert.Contains("cannot be reached", await Refused(agent), StringComparison.OrdinalIgnoreCase);
        }
        foreach (var login in made)
        {
            await IsGone(agent, login);
        }
        using var client = await Open(agent);
        Assert.DoesNotContain(await Who(client), made);
    }

    /// <summary>Two agents with one credential, as where one stands in for the other: they share views and group, and each has logins of its own.</summary>
    [Fact]
    public async Task Two_agents_beside_one_database_leave_each_others_logins_alone()
    {
        await using var one = await WireAgent.Start(MaskedSessionTests.Options());
        using var client = await Open(one);
        await WireAgent.Until(async () => (await Logins(one)).Length >= 3);
        var (logins, mark) = (await Logins(one), await Mark(one));
        await using (var other = await WireAgent.Start(MaskedSessionTests.Options() with { Agent = "other", Beside = one, Before = [] }))
        {
            using var theirs = await Open(other);
            await other.Reopen(); // which sweeps
            using var again = await Open(other);
            Assert.Equal("T D[********3333] C[SELECT 1] ZI", RawClient.Story(await again.Ask(RawClient.Query("select ssn from customers"))));
            Assert.Empty(logins.Except(await Logins(one)));
            await client.StillWorks();
            using var next = await Open(one);
            Assert.Equal(mark, await Mark(one)); // it says when the group was needed, whoever needed it
            Assert.Equal(2L, await one.Ask("select count(*) from pg_namespace where nspname ~ '^accessplane_m_'")); // for shop and public
        }
        await WireAgent.Until(async () => (await Logins(one)).Select(DoorOf).Distinct().Count() == 1); // the other's are gone with it
        await client.StillWorks();
    }

    /// <summary>Logins are made ahead, behind whoever takes one, and given back behind whoever leaves: an agent that stops meanwhile drops those too.</summary>
    [Fact]
    public async Task An_agent_that_stops_while_logins_are_made_and_given_back_leaves_none()
    {
        await using var staying = await WireAgent.Start(MaskedSessionTests.Options());
        using var client = await Open(staying);
        for (var i = 0; i < 5; i++)
        {
            await using (var other = await WireAgent.Start(MaskedSessionTests.Options() with { Agent = "other", Beside = staying, Before = [] }))
            {
                using var theirs = await Open(other);
            }
            Assert.Single((await Logins(staying)).Select(DoorOf).Distinct());
        }
    }

    /// <summary>Two agents with two credentials: what one role made another cannot change, so that each has views and a group of its own.</summary>
    [Theory]
    [InlineData(Masking.PgServer.Installed)]
    [InlineData(Masking.PgServer.Newer)]
    public async Task Two_agents_with_two_roles_each_have_masks_of_their_own(Masking.PgServer on)
    {
        await using var one = await WireAgent.Start(MaskedSessionTests.Options() with { On = on, OwnsMasks = true });
        using var client = await Open(one);
        await using (var other = await WireAgent.Start(MaskedSessionTests.Options() with { On = on, OwnsMasks = true, Agent = "other", Beside = one, OwnRole = true, Before = [] }))
        {
            using var theirs = await Open(other);
            Assert.Equal(4L, await one.Ask("select count(*) from pg_namespace where nspname ~ '^accessplane_m_'"));
            using var next = await Open(one);
            foreach (var session in new[] { client, theirs, next })
            {
                Assert.Equal("T D[********3333] C[SELECT 1] ZI", RawClient.Story(await session.Ask(RawClient.Query("select ssn from customers"))));
            }
        }
        await client.StillWorks();
    }

    private static async Task<RawClient> Open(WireAgent agent)
    {
        await agent.UntilMasking(MaskingStatus.Ready);
        return await agent.Connect();
    }

    private static async Task<string> Refused(WireAgent agent)
    {
        var (user, password) = agent.Ticket();
        using var client = await RawClient.Dial(agent.Port);
        await client.Send(RawClient.Startup(("user", user), ("database", agent.Database)));
        await client.Prove(password);
        return await client.Refusal();
    }

    private static async Task IsEnded(WireAgent agent, RawClient client)
    {
        const string why = "what the policy hides could be seen by now: masked data could be reached in 1 other way(s), first through shop.customers (masked column)";
        Assert.StartsWith($"57P01 {why}", await client.Refusal(), StringComparison.Ordinal);
        await WireAgent.Until(() => Task.FromResult(agent.Transcript().Any(line => line.Contains(why, StringComparison.Ordinal))));
    }

    private static Task Vanish(RawClient client)
    {
        client.Socket.Close(0);
        return Task.CompletedTask;
    }

    private static async Task<string> Who(RawClient client) =>
        RawClient.Columns((await client.Ask(RawClient.Query("select current_user"))).First(m => m.Type == 'D').Body).Single();

    private static Task<object?> Roles(WireAgent agent) =>
        agent.Ask("select md5(string_agg(r::text, '' order by oid)) from pg_roles r where rolname not like 'accessplane\\_s\\_%'");

    private static Task IsGone(WireAgent agent, string login) =>
        WireAgent.Until(async () => await agent.Ask($"select count(*) from pg_roles where rolname = '{login}'") is 0L);

    private static string GroupOf(WireAgent agent) => $"r.rolname ~ '^accessplane_g_' and shobj_description(r.oid, 'pg_authid') like '%\"{agent.Database}\"%'";

    private static async Task<string> Mark(WireAgent agent) => (string)(await agent.Ask($"select shobj_description(r.oid, 'pg_authid') from pg_roles r where {GroupOf(agent)}"))!;

    /// <summary>All that are there for the agent's database, pooled or used.</summary>
    private static async Task<string[]> Logins(WireAgent agent) => (string[])(await agent.Ask(
        $"select array(select l.rolname::text from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles l on l.oid = m.member where {GroupOf(agent)} and l.rolname ~ '^accessplane_s_' order by 1)"))!;

    /// <summary>The part of its name that all logins of one agent at one database have in common.</summary>
    private static string DoorOf(string login) => login[..^16];

    private static async Task Run(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}
