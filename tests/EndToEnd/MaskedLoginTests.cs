using System.Diagnostics;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd;

/// <summary>The door where PostgreSQL itself hides columns: an admin lets it be set up once, and from then on each session has a login of its own.</summary>
public sealed class MaskedLoginTests(TestWorld world) : IAsyncLifetime
{
    private readonly string name = Guid.CreateVersion7().ToString("N")[20..];

    public async ValueTask InitializeAsync()
    {
        await world.Rules(inForce: true);
        (await TestWorld.Infra("onboard-masking", "--yes", "crm", "orders")).Succeeded();
    }

    public async ValueTask DisposeAsync() => await world.Rules(inForce: false);

    [Fact]
    public async Task The_same_query_shows_masks_to_one_and_values_to_the_other_and_the_record_says_which()
    {
        const string Select = "SELECT card_number, email, born FROM shop.customers WHERE id = 7";
        var secret = await TestWorld.Ask<string>("SELECT card_number FROM shop.customers WHERE id = 7");
        Assert.Equal($"********{secret[^4..]}|[redacted]|1950-01-01\n", await Psql("engineer", $"{name}-e", Select));
        Assert.StartsWith($"{secret}|", await Psql("security", $"{name}-s", Select), StringComparison.Ordinal);

        var masked = (await world.SessionCalled($"{name}-e", "Closed")).GetProperty("databaseLogin");
        Assert.Equal(["crm-cards", "crm-personal", "crm-born"], masked.GetProperty("maskedBy").EnumerateArray().Select(m => m.GetString()));
        Assert.StartsWith("accessplane_m_", masked.GetProperty("schema").GetString(), StringComparison.Ordinal);
        var exempt = (await world.SessionCalled($"{name}-s", "Closed")).GetProperty("databaseLogin");
        Assert.Equal(3, exempt.GetProperty("unmasked").GetArrayLength());
        Assert.False(exempt.TryGetProperty("schema", out _)); // there are no views where nothing is hidden
        foreach (var login in new[] { masked, exempt })
        {
            await IsGone(login.GetProperty("role").GetString()!);
        }
    }

    [Fact]
    public async Task A_login_that_a_killed_agent_left_is_gone_seconds_after_its_next_start()
    {
        var grant = await world.Grant("engineer", "crm-read");
        var ticket = await world.TicketFor("engineer", grant);
        await using var psql = Run.Start("psql", ["-X", "-A", "-t", ticket.Url(name)]);
        await psql.Type("SELECT current_user;\n");
        await Wait.Until(() => Task.FromResult(psql.Output.Contains("accessplane_s_", StringComparison.Ordinal)), 20, () => psql.Output);
        var role = psql.Output.Trim();
        Assert.Equal(1, await TestWorld.Ask<long>($"SELECT count(*) FROM pg_roles WHERE rolname = '{role}'"));
        using (var agent = Process.GetProcessById(TestWorld.ProcessOf("orders-agent")))
        {
            agent.Kill();
            await agent.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        Assert.Equal(1, await TestWorld.Ask<long>($"SELECT count(*) FROM pg_roles WHERE rolname = '{role}'"));
        (await TestWorld.Infra("up")).Succeeded();
        await IsGone(role);
        Assert.Equal(0, await TestWorld.Ask<long>($"SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}'"));
    }

    private static Task IsGone(string role) => Wait.Until(
        async () => await TestWorld.Ask<long>($"SELECT count(*) FROM pg_roles WHERE rolname = '{role}'") == 0, 20, () => $"the login {role} is still there");

    private async Task<string> Psql(string who, string application, string sql)
    {
        var ticket = await world.TicketFor(who, await world.Grant(who, "crm-read"));
        return (await Run.ToEnd("psql", ["-X", "-A", "-t", ticket.Url(application), "-c", sql])).Succeeded().Output;
    }
}
