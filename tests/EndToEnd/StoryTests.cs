using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd;

/// <summary>The main story, chapter by chapter, as infra/demo tells it.</summary>
public sealed class StoryTests(TestWorld world, ITestOutputHelper output)
{
    private static string Name() => Guid.CreateVersion7().ToString("N")[20..];

    [Fact]
    public async Task A_request_waits_until_somebody_else_approves_it_by_queue()
    {
        await using var dba = await Approver.Listens(world, "dba", "dba");
        var request = await Submit();

        (await world.Api.Post("engineer", $"/v1/requests/{request}/reviews", new { verdict = "approve" })).Is(403);
        var notification = await dba.HearsOf(request);
        var outcome = await dba.Sends(new
        {
            kind = "request",
            id = request,
            expectedVersion = notification.GetProperty("expectedVersion").GetInt64(),
            verdict = "approve",
            comment = "the ticket is known",
            token = await world.Api.NewToken("dba", "accessplane-reviews"),
        });
        output.WriteLine(outcome.ToString());

        Assert.Equal("Approved", (await world.Api.Get("engineer", $"/v1/requests/{request}")).Is(200).Text("state"));
    }

    [Fact]
    public async Task Stock_psql_works_with_a_ticket_and_the_ticket_works_once()
    {
        var ticket = await world.TicketFor("engineer", await ApprovedWrite());
        var ran = await Psql(ticket.Url(), """
            SELECT name FROM shop.customers WHERE id = 1;
            BEGIN;
            INSERT INTO shop.orders (customer_id, status, placed_at, total) VALUES (1, 'new', now(), 42.50);
            COMMIT;
            PREPARE by_status (text) AS SELECT count(*) > 0 FROM shop.orders WHERE status = $1;
            EXECUTE by_status ('paid');
            COPY (SELECT sku FROM shop.products ORDER BY sku LIMIT 1) TO STDOUT;
            """);
        Assert.Equal("Grace Schmidt\nBEGIN\nINSERT 0 1\nCOMMIT\nPREPARE\nt\nSKU-0001\n", ran.Succeeded().Output);

        var again = await Psql(ticket.Url(), "SELECT 1;");
        Assert.Equal(2, again.Status);
        Assert.Contains("FATAL", again.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_ticket_that_is_asked_for_again_under_its_key_is_not_told_again()
    {
        var grant = await world.Grant("engineer", "everything");
        await world.TicketFor("engineer", grant, database: "scratch"); // its agent is there
        var key = Guid.CreateVersion7().ToString();
        Task<Answer> Again() => world.Api.Post("engineer", $"/v1/grants/{grant}/tickets", new { database = "scratch" }, key);
        var told = (await Again()).Is(201);
        var again = (await Again()).Is(409);
        Assert.Contains("ticket-already-issued", again.Body.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(told.Text("password"), again.Body.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_workload_logs_in_with_its_token_and_its_run_is_on_the_session()
    {
        var name = Name();
        (await TokenLogin("ci", name, "SELECT count(*) FROM shop.customers;")).Succeeded();

        var session = await world.SessionCalled(name, "Closed");
        var claims = session.GetProperty("holder").GetProperty("claims");
        Assert.Equal(("shop/billing", "4711"), (claims.GetProperty("repository").GetString(), claims.GetProperty("run_id").GetString()));
    }

    [Fact]
    public async Task An_assistant_acting_for_an_engineer_shows_both()
    {
        var name = Name();
        (await TokenLogin("assistant", name, "SELECT count(*) FROM shop.customers;")).Succeeded();

        var holder = (await world.SessionCalled(name, "Closed")).GetProperty("holder");
        Assert.Equal("engineer", holder.GetProperty("subject").GetString());
        var act = Assert.Single(holder.GetProperty("act").EnumerateArray().ToList());
        Assert.Equal(("assistant", "ai-agent"), (act.GetProperty("subject").GetString(), act.GetProperty("kind").GetString()));
    }

    [Fact]
    public async Task Psql_waits_with_its_token_and_is_let_in_while_somebody_approves()
    {
        var name = Name();
        await using var dba = await Approver.Listens(world, "dba", "dba");
        await using var psql = Run.Start("bash", ["-c", "exec psql -X -A -t \"$1\" -c 'SELECT count(*) > 0 FROM shop.customers' 2>&1", "psql", TokenUrl(name, "orders-on-call")],
            new Dictionary<string, string> { ["PGPASSWORD"] = await world.Api.Token("engineer2") });
        await psql.Says("waits for approval");
        var request = psql.Output.Split("request ")[1][..36];
        var notification = await dba.HearsOf(request);
        await dba.Sends(new
        {
            kind = "request",
            id = request,
            expectedVersion = notification.GetProperty("expectedVersion").GetInt64(),
            verdict = "approve",
            token = await dba.Token(),
        });

        Assert.EndsWith("\nt\n", (await psql.End()).Succeeded().Output, StringComparison.Ordinal);
        Assert.Equal("engineer2", (await world.SessionCalled(name, "Closed")).GetProperty("holder").GetProperty("subject").GetString());
    }

    [Fact]
    public async Task A_token_never_travels_without_tls()
    {
        var name = Name();
        var ran = await Psql($"postgresql://orders-read@127.0.0.1:{world.AgentPort}/orders?sslmode=disable&application_name={name}", "SELECT 1;", await world.Api.Token("ci"));
        Assert.Equal(2, ran.Status);
    }

    [Fact]
    public async Task An_update_under_a_read_only_grant_aborts_the_transaction_as_any_failed_statement_does()
    {
        const string Script = """
            \set VERBOSITY sqlstate
            BEGIN;
            SELECT count(*) FROM shop.products;
            {0};
            SELECT 1;
            COMMIT;
            SELECT 'goes on';
            """;
        var ticket = await world.TicketFor("engineer", await world.Grant("engineer", "orders-read"));
        var refused = await Psql(ticket.Url(), string.Format(CultureInfo.InvariantCulture, Script, "UPDATE shop.orders SET total = 0"));
        var failed = await Psql(TestWorld.DirectUrl("orders"), string.Format(CultureInfo.InvariantCulture, Script, "SELECT 1/0"));

        Assert.Equal(failed.Succeeded().Output.Replace("22012", "42501", StringComparison.Ordinal), refused.Succeeded().Output);
        Assert.Equal(0, await TestWorld.Ask<long>("SELECT count(*) FROM shop.orders WHERE total = 0"));
    }

    [Fact]
    public async Task A_revocation_cuts_a_running_statement_within_a_second()
    {
        var grant = await ApprovedWrite();
        var name = Name();
        var ticket = await world.TicketFor("engineer", grant);
        await using var psql = Run.Start("psql", ["-X", ticket.Url(name), "-v", "VERBOSITY=verbose", "-c", "SELECT pg_sleep(60)"]);
        var running = $"FROM pg_stat_activity WHERE application_name = '{name}' AND query LIKE '%pg_sleep%' AND state = 'active'";
        await Wait.Until(async () => await TestWorld.Ask<long>($"SELECT count(*) {running}") == 1, 15, () => "the statement does not run");
        var backend = await TestWorld.Ask<int>($"SELECT pid {running}");
        await world.Api.Token("dba");

        var watch = Stopwatch.StartNew();
        (await world.Api.Post("dba", $"/v1/grants/{grant}/revoke", new { reason = "the change window is over" })).Is(200);
        var answered = watch.Elapsed;
        var ended = await psql.End();
        var cut = watch.Elapsed;
        // whatever it does by then, and whatever else was opened for that session
        await Wait.Until(
            async () => await TestWorld.Ask<long>($"SELECT count(*) FROM pg_stat_activity WHERE pid = {backend} OR application_name = '{name}'") == 0,
            5, () => "the backend is still there");
        output.WriteLine($"answered after {answered.TotalMilliseconds:0} ms, the client was gone after {cut.TotalMilliseconds:0} ms, the backend after {watch.Elapsed.TotalMilliseconds:0} ms");

        Assert.True(cut < TimeSpan.FromSeconds(Wait.Patience), $"the cut took {cut}");
        Assert.NotEqual(0, ended.Status);
        Assert.Contains("57P01", ended.Output, StringComparison.Ordinal);
        await Wait.Until(async () => (await world.Api.Get("engineer", $"/v1/grants/{grant}")).Body.GetProperty("agents").EnumerateArray()
            .All(a => a.GetProperty("acknowledged").GetBoolean()), 10, () => "the agent did not acknowledge");
        var session = await world.SessionCalled(name, "Terminated");
        Assert.Equal("revoked", session.GetProperty("cause").GetString());
        Assert.NotEqual(JsonValueKind.Null, session.GetProperty("cutLatency").ValueKind);
    }

    [Fact]
    public async Task The_auditor_replays_a_session_verifies_it_offline_and_asks_who_had_access()
    {
        var name = Name();
        var grant = await world.Grant("engineer2", "orders-read");
        (await Psql((await world.TicketFor("engineer2", grant)).Url(name), $"SELECT '{name}';\nSELECT 2;\n")).Succeeded();
        var session = (await world.SessionCalled(name, "Closed")).GetProperty("id").GetString();

        var operations = (await world.Api.Get("auditor", $"/v1/audit/operations?text={name}")).Is(200).Body.GetProperty("items");
        Assert.Equal(session, Assert.Single(operations.EnumerateArray().ToList()).GetProperty("session").GetString());

        using var files = new TranscriptFiles();
        await files.Export(world, session!);
        Assert.Contains("chain and signatures are right", (await files.Verify()).Succeeded().Output, StringComparison.Ordinal);
        files.Transcript = files.Transcript.Replace("SELECT 2", "SELECT 3", StringComparison.Ordinal);
        Assert.Equal(1, (await files.Verify()).Status);

        (await world.Api.Get("engineer", $"/v1/sessions/{session}/transcript")).Is(404);
        var before = Now();
        (await world.Api.Post("engineer2", $"/v1/grants/{grant}/surrender")).Is(200);
        Assert.Contains(grant, await HoldersAt(before), StringComparison.Ordinal);
        Assert.DoesNotContain(grant, await HoldersAt(Now()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_missing_after_the_broker_was_away_during_a_session()
    {
        var name = Name();
        var ticket = await world.TicketFor("engineer", await world.Grant("engineer", "orders-read"));
        await using var psql = Run.Start("psql", ["-X", "-A", "-t", ticket.Url(name)]);
        await psql.Type("SELECT 'said ' || 'before';\n");
        await psql.Says("said before");
        try
        {
            (await TestWorld.Infra("server", "stop", "rabbitmq")).Succeeded();
            await psql.Type("SELECT 'said ' || 'during';\n");
            await psql.Says("said during", 5);
        }
        finally
        {
            (await TestWorld.Infra("server", "start", "rabbitmq")).Succeeded();
        }
        await psql.Type("SELECT 'said ' || 'afterwards';\n");
        await psql.Says("said afterwards", 60);
        (await psql.End()).Succeeded();

        var session = await world.SessionCalled(name, "Closed");
        using var files = new TranscriptFiles();
        await files.Export(world, session.GetProperty("id").GetString()!);
        (await files.Verify()).Succeeded();
        foreach (var said in (string[])["before", "during", "afterwards"])
        {
            Assert.Single(files.Transcript.Split('\n'), l => l.Contains($"|| '{said}'", StringComparison.Ordinal));
        }
        Assert.Equal(3, session.GetProperty("operations").GetInt64());
        // and new work goes through again
        var next = await world.TicketFor("engineer", await world.Grant("engineer", "orders-read"));
        (await Psql(next.Url(), "SELECT 1;")).Succeeded();
    }

    private static string Now() => TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private async Task<string> HoldersAt(string at) =>
        (await world.Api.Get("auditor", $"/v1/audit/access?resource=orders&at={at}")).Is(200).Body.ToString();

    private async Task<string> Submit() =>
        (await world.Api.Post("engineer", "/v1/requests", new { entitlement = "orders-write", duration = "PT20M", reason = "a wrong total" })).Is(201).Text("id");

    private async Task<string> ApprovedWrite()
    {
        var request = await Submit();
        (await world.Api.Post("dba", $"/v1/requests/{request}/reviews", new { verdict = "approve" })).Is(200);
        return (await world.Api.Get("engineer", $"/v1/requests/{request}")).Is(200).Text("grantId");
    }

    private async Task<Ran> TokenLogin(string who, string application, string sql) => await Psql(
        TokenUrl(application), sql, await world.Api.Token(who));

    private string TokenUrl(string application, string entitlement = "orders-read") =>
        $"postgresql://{entitlement}@127.0.0.1:{world.AgentPort}/orders?application_name={application}&sslmode=verify-full&sslrootcert={Uri.EscapeDataString(world.Ca)}";

    /// <summary>Results and errors by one pipe: in the order in which psql wrote them.</summary>
    private static Task<Ran> Psql(string url, string sql, string? password = null) => Run.ToEnd("bash", ["-c", "exec psql -X -A -t \"$1\" 2>&1", "psql", url],
        password is null ? null : new Dictionary<string, string> { ["PGPASSWORD"] = password }, sql);
}
