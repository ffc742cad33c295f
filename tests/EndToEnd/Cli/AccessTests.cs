using System.Text.Json;
using System.Text.RegularExpressions;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Cli;

/// <summary>Asking, approving, connecting and giving back, by nothing but commands.</summary>
public sealed partial class AccessTests(TestWorld world) : IDisposable
{
    private readonly string home = Directory.CreateTempSubdirectory("accessplane-cli").FullName;
    private readonly string name = Guid.CreateVersion7().ToString("N")[20..];

    public void Dispose() => Directory.Delete(home, recursive: true);

    private Task<Ended> As(string who, params IEnumerable<string> arguments) => CommandLine.As(world, who, arguments);

    private async Task<CommandLine> Start(string who, params IEnumerable<string> arguments) => CommandLine.Start(world, home, await world.Api.Token(who), arguments);

    private static List<JsonElement> Items(Ended ended) => [.. ended.With(0).Json.GetProperty("items").EnumerateArray()];

    private async Task<JsonElement> Request(string reason) => Items(await As("dba", "requests", "--json", "-n", "1000")).Single(r => r.TryGetProperty("reason", out var r2) && r2.GetString() == reason);

    /// <summary>Of the session of psql that is open.</summary>
    private async Task<string?> GrantInUse()
    {
        var open = (await world.Api.Get("auditor", "/v1/sessions?state=Open&limit=1000")).Is(200).Body.GetProperty("items").EnumerateArray().ToList();
        return open.Where(s => s.GetProperty("application").GetString() == "psql").Select(s => s.GetProperty("grant").GetString()).FirstOrDefault();
    }

    [Fact]
    public async Task Who_connects_without_access_asks_waits_for_another_and_gets_psql()
    {
        await using var connect = await Start("engineer2", "connect", "orders", "-e", "orders-write", "-d", "20m", "-r", $"a wrong total {name}", "--", "-Atc", $"SELECT 'in' || 'side' /* {name} */");
        await connect.Says("waits for 1 of dba");
        var id = (await Request($"a wrong total {name}")).GetProperty("id").GetString()!;
        Assert.Contains("ask another approver", (await As("engineer2", "approve", id)).With(1).Error, StringComparison.Ordinal);
        Assert.Contains("the request is approved", (await As("dba", "approve", id[^8..], "-c", "the ticket is known")).With(0).Out, StringComparison.Ordinal);
        Assert.Equal("inside\n", (await connect.End()).With(0).Out);

        // it lives on, is used again without asking, and is given back
        var grant = Items(await As("engineer2", "grants", "--mine", "--json", "-n", "1000")).First(g => g.GetProperty("entitlement").GetString() == "orders-write");
        Assert.Equal("Active", grant.GetProperty("state").GetString());
        Assert.Equal("again\n", (await As("engineer2", "connect", "orders", "-e", "orders-write", "--", "-Atc", "SELECT 'again'")).With(0).Out);
        (await As("engineer2", "surrender", grant.GetProperty("id").GetString()!)).With(0);
        Assert.DoesNotContain(Items(await As("engineer2", "grants", "--mine", "--json", "-n", "1000")), g => g.GetProperty("id").GetString() == grant.GetProperty("id").GetString());
        Assert.Contains("over", (await As("engineer2", "surrender", grant.GetProperty("id").GetString()!)).With(1).Error, StringComparison.Ordinal);
    }

    [GeneratedRegex("grant ([0-9a-f]+) is given back")]
    private static partial Regex GivenBack();

    [Fact]
    public async Task What_exec_asked_for_is_given_back_however_its_command_ends()
    {
        const string Looks = "psql -XAtc \"SELECT current_database()\"; env | grep -c '^PGPASSWORD=apt_\\|^PGPASSWORD='; env | grep -c ACCESSPLANE_TOKEN; tr '\\0' ' ' </proc/$PPID/cmdline | grep -c \"$PGPASSWORD\"; exit 7";
        var ended = (await As("engineer", "exec", "orders", "-e", "orders-read", "-d", "10m", "--json", "--", "sh", "-c", Looks)).With(7);
        Assert.StartsWith("orders\n1\n0\n0\n", ended.Error, StringComparison.Ordinal);
        Assert.Equal((7, true), (ended.Json.GetProperty("exit").GetInt32(), ended.Json.GetProperty("surrendered").GetBoolean()));
        Assert.Equal("Surrendered", (await world.Api.Get("engineer", $"/v1/grants/{ended.Json.GetProperty("grant").GetString()}")).Is(200).Text("state"));

        var ran = (await As("engineer", "exec", "orders", "-e", "orders-read", "--", "psql", "-XAtc", "SELECT 7")).With(0);
        Assert.Equal("7\n", ran.Out);
        Assert.Contains("is given back", ran.Error, StringComparison.Ordinal);
        var never = (await As("engineer", "exec", "orders", "-e", "orders-read", "--", "no-such-program")).With(127);
        Assert.Contains("`no-such-program` cannot be started", never.Error, StringComparison.Ordinal);
        Assert.Contains("is given back", never.Error, StringComparison.Ordinal);
        var grants = (await world.Api.Get("engineer", "/v1/grants?mine=true&limit=1000")).Is(200).Body.GetProperty("items").EnumerateArray().ToList();
        foreach (var said in (string[])[ran.Error, never.Error])
        {
            // not the newest: what others asked for in this name may be granted meanwhile
            var given = GivenBack().Match(said).Groups[1].Value;
            Assert.Equal("Surrendered", grants.Single(g => g.GetProperty("id").GetString()!.EndsWith(given, StringComparison.Ordinal)).GetProperty("state").GetString());
        }
    }

    [Fact]
    public async Task Who_ends_exec_ends_its_command_and_the_access()
    {
        const int Terminated = 128 + 15; // as shells have it
        await using var exec = await Start("engineer", "exec", "orders", "-e", "orders-read", "-d", "10m", "--json", "--", "sh", "-c", "echo it begins; exec sleep 60");
        await exec.Says("it begins");
        await exec.Interrupt("TERM");
        var ended = (await exec.End()).With(Terminated).Json;
        Assert.Equal((Terminated, true), (ended.GetProperty("exit").GetInt32(), ended.GetProperty("surrendered").GetBoolean()));
        Assert.Equal("Surrendered", (await world.Api.Get("engineer", $"/v1/grants/{ended.GetProperty("grant").GetString()}")).Is(200).Text("state"));
    }

    [Fact]
    public async Task Who_stops_waiting_takes_the_request_back()
    {
        await using var connect = await Start("engineer", "exec", "orders", "-e", "orders-write", "-r", $"changed my mind {name}", "--", "true");
        await connect.Says("Ctrl-C takes it back");
        await connect.Interrupt();
        Assert.Contains("is taken back", (await connect.End()).With(130).Error, StringComparison.Ordinal);
        Assert.Equal("Cancelled", (await Request($"changed my mind {name}")).GetProperty("state").GetString());
    }

    [Fact]
    public async Task Who_waits_too_long_is_told_how_to_go_on_and_who_is_denied_why()
    {
        var late = (await As("engineer", "request", "orders-write", "-r", $"late {name}", "--wait", "--wait-at-most", "1s")).With(5);
        Assert.Contains("still waits for 1 of dba", late.Error, StringComparison.Ordinal);
        var id = (await Request($"late {name}")).GetProperty("id").GetString()!;

        await using var wait = await Start("engineer", "request", "orders-write", "-r", $"denied {name}", "--wait", "--json");
        await wait.Says("waits for 1 of dba");
        (await As("dba", "deny", (await Request($"denied {name}")).GetProperty("id").GetString()!, "-c", "not today")).With(0);
        Assert.Equal("Denied", (await wait.End()).With(1).Json.GetProperty("state").GetString());
        (await As("engineer", "cancel", id)).With(0);
    }

    [Fact]
    public async Task A_revocation_cuts_psql_and_a_lock_lets_nobody_in()
    {
        await using var connect = await Start("engineer", "connect", "orders", "-e", "everything", "--database", "orders", "--", "-c", $"SELECT pg_sleep(60) /* {name} */");
        await Wait.Until(async () => await TestWorld.Ask<long>($"SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60) /* {name}%' AND pid <> pg_backend_pid()") == 1, 60, () => connect.Error);
        // of the tests before others may live: the one in use is found by its session
        string? grant = null;
        await Wait.Until(async () => (grant = await GrantInUse()) is not null, 60, () => "its session is not reported");
        Assert.Equal("Revoked", (await As("admin", "revoke", grant!, "-r", "the window is over", "--json")).With(0).Json.GetProperty("state").GetString());
        Assert.NotEqual(0, (await connect.End()).Status);

        var actor = $"{world.Issuer}|engineer2";
        var placed = (await As("admin", "lock", "--actor", actor, "-r", "laptop stolen", "--for", "10m", "--json")).With(0).Json.GetProperty("id").GetString()!;
        try
        {
            Assert.Contains("laptop stolen", (await As("engineer2", "exec", "orders", "-e", "orders-read", "--", "true")).With(1).Error, StringComparison.Ordinal);
            Assert.Contains("laptop stolen", (await As("admin", "locks")).With(0).Out, StringComparison.Ordinal);
        }
        finally
        {
            (await As("admin", "unlock", placed)).With(0);
        }
        (await As("engineer2", "exec", "orders", "-e", "orders-read", "--", "true")).With(0);
    }

    [Fact]
    public async Task A_printed_address_is_for_any_client_and_used_once()
    {
        var url = (await As("engineer", "connect", "orders", "-e", "everything", "--database", "orders", "--print")).With(0).Out.Trim();
        SecretSweep.OfTheRun.Knows("a ticket's password", new Uri(url).UserInfo.Split(':')[1]);
        Assert.Equal("1\n", (await Run.ToEnd("psql", [url, "-XAtc", "SELECT 1"])).Succeeded().Output);
        Assert.NotEqual(0, (await Run.ToEnd("psql", [url, "-XAtc", "SELECT 1"])).Status);
    }

    [Theory]
    [InlineData(2, "several things may be asked for", "exec", "orders", "--", "true")]
    [InlineData(4, "there is no resource `nowhere` for you", "connect", "nowhere")]
    [InlineData(4, "there is no entitlement `everywhere`", "exec", "orders", "-e", "everywhere", "--", "true")]
    [InlineData(4, "there is no such request", "requests", "01900000-0000-7000-8000-000000000000")]
    [InlineData(4, "whose id ends with `0123abcd`", "cancel", "0123abcd")]
    [InlineData(2, "needs a reason", "request", "orders-write")]
    [InlineData(1, "locks are for admins", "lock", "--resource", "orders", "-r", "to see")]
    [InlineData(1, "evidence is for auditors", "evidence", "export", "--from", "1h ago", "-o", "pack.json")]
    public async Task What_is_refused_says_what_happened_and_ends_with_its_own_code(int status, string says, params string[] arguments)
    {
        Assert.Contains(says, (await As("engineer", arguments)).With(status).Error, StringComparison.Ordinal);
        var document = (await As("engineer", ["--json", .. arguments])).With(status).Json;
        Assert.Equal(status, document.GetProperty("exit").GetInt32());
        Assert.Contains(says, document.GetProperty("error").GetString(), StringComparison.Ordinal);
    }
}
