using System.Text.Json;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd;

/// <summary>The demo's guardrails, holds and masks in force: what stock psql sees of them, what approvers do, and what the audit knows afterwards.</summary>
public sealed class RulesTests(TestWorld world) : IAsyncLifetime
{
    private readonly string name = Guid.CreateVersion7().ToString("N")[20..];

    public async ValueTask InitializeAsync()
    {
        await TestWorld.Ask<string>(
            "DROP TABLE IF EXISTS shop.parked; CREATE TABLE shop.parked AS SELECT n AS id FROM generate_series(1, 40) n; " +
            "GRANT SELECT, INSERT, UPDATE, DELETE ON shop.parked TO accessplane_agent; ANALYZE shop.parked; SELECT 'made'");
        await world.Rules(inForce: true);
    }

    public async ValueTask DisposeAsync()
    {
        await world.Rules(inForce: false);
        await TestWorld.Ask<string>("DROP TABLE shop.parked; SELECT 'gone'");
    }

    [Fact]
    public async Task A_drop_that_hides_in_a_do_block_is_refused_and_its_transaction_aborts()
    {
        var ran = await (await Psql("""
            BEGIN;
            DO $$ BEGIN IF 1 = 1 THEN dRoP /* only tidying */ TaBlE shop.parked; END IF; END $$;
            SELECT 'not in this transaction';
            ROLLBACK;
            DO $$ BEGIN EXECUTE 'DR' || 'OP TABLE shop.parked'; END $$;
            SELECT count(*) FROM shop.parked;
            """)).End();
        Assert.Contains("`no-ddl`: schema changes go through migrations", ran.Succeeded().Output, StringComparison.Ordinal);
        Assert.Contains("current transaction is aborted", ran.Output, StringComparison.Ordinal);
        Assert.Contains("and might hide what rule `no-ddl` denies: schema changes go through migrations", ran.Output, StringComparison.Ordinal);
        Assert.EndsWith("\n40\n", ran.Output, StringComparison.Ordinal);

        var operations = await Audited();
        Assert.Equal(["refused no-ddl", "refused no-ddl"], operations.Where(o => Text(o).StartsWith("DO ", StringComparison.Ordinal)).Select(Told));
        Assert.Equal(2, (await world.SessionCalled(name)).GetProperty("denied").GetInt64());
    }

    [Fact]
    public async Task A_delete_without_where_waits_in_its_transaction_and_commits_when_the_queue_approves_it()
    {
        await using var dba = await Approver.Listens(world, "dba", "dba");
        await using var psql = await Psql("BEGIN;\nDELETE FROM shop.parked;\nSELECT count(*) FROM shop.parked;\nCOMMIT;\nSELECT 'still the same session';\n");
        var held = await dba.HearsOfHeld("DELETE FROM shop.parked;");
        var what = held.GetProperty("what");
        Assert.Equal(
            ("T", true, 40, "bulk-write"),
            (what.GetProperty("transaction").GetString(), what.GetProperty("unbounded").GetBoolean(), what.GetProperty("rows").GetInt64(), held.GetProperty("why").GetProperty("rule").GetString()));
        Assert.Equal(40, await TestWorld.Ask<long>("SELECT count(*) FROM shop.parked"));

        // in whose name it waits cannot release it, by whatever way
        var hold = held.GetProperty("id").GetString();
        (await world.Api.Post("engineer", $"/v1/holds/{hold}/reviews", new { verdict = "approve", expectedVersion = held.GetProperty("expectedVersion").GetInt64() })).Is(403);
        await Review(dba, held, "approve", "forty rows, go ahead");
        var ran = (await psql.End()).Succeeded();
        Assert.Contains("DELETE 40\n0\nCOMMIT\nstill the same session\n", ran.Output, StringComparison.Ordinal);
        Assert.Equal(0, await TestWorld.Ask<long>("SELECT count(*) FROM shop.parked"));

        var delete = (await Audited()).Single(o => Text(o).StartsWith("DELETE", StringComparison.Ordinal));
        Assert.Equal("completed bulk-write", Told(delete));
        Assert.Equal(40, delete.GetProperty("rows").GetInt64());
        Assert.Equal("Released", (await world.Api.Get("auditor", $"/v1/holds/{hold}")).Is(200).Text("state"));
    }

    [Fact]
    public async Task A_hold_that_is_refused_aborts_its_transaction_and_says_who_refused_it()
    {
        await using var dba = await Approver.Listens(world, "dba", "dba");
        await using var psql = await Psql("BEGIN;\nINSERT INTO shop.parked VALUES (41);\nDELETE FROM shop.parked;\nCOMMIT;\nSELECT count(*) FROM shop.parked;\n");
        var held = await dba.HearsOfHeld("DELETE FROM shop.parked;");
        await Review(dba, held, "deny", "not on a Friday");
        var ran = (await psql.End()).Succeeded();
        Assert.Contains("not on a Friday", ran.Output, StringComparison.Ordinal);
        Assert.EndsWith("ROLLBACK\n40\n", ran.Output, StringComparison.Ordinal); // what COMMIT says of an aborted transaction

        var delete = (await Audited()).Single(o => Text(o).StartsWith("DELETE", StringComparison.Ordinal));
        Assert.Equal("refused bulk-write", Told(delete));
        Assert.Equal("Refused", (await world.Api.Get("auditor", $"/v1/holds/{held.GetProperty("id").GetString()}")).Is(200).Text("state"));
    }

    [Fact]
    public async Task Masked_columns_come_back_masked_however_they_are_asked_for_and_cannot_be_guessed_at()
    {
        const string Select = "SELECT card_number FROM shop.customers WHERE id = 7";
        var secret = await TestWorld.Ask<string>(Select);
        var ran = (await (await Psql($$"""
            {{Select}};
            SELECT 'row ' || id, c.* FROM shop.customers c WHERE id = 7;
            PREPARE one AS SELECT iban FROM shop.customers WHERE id = $1;
            EXECUTE one (7);
            COPY (SELECT card_number FROM shop.customers WHERE id = 7) TO STDOUT;
            SELECT 'guessed' FROM shop.customers WHERE card_number LIKE '4%';
            SELECT 'ordered' FROM shop.customers ORDER BY iban;
            SELECT md5(card_number) FROM shop.customers;
            SELECT name FROM shop.customers WHERE id = 7;
            """)).End()).Succeeded();
        Assert.DoesNotContain(secret, ran.Output, StringComparison.Ordinal);
        Assert.DoesNotMatch("(?<![0-9a-f-])[0-9]{12}|guessed\n|ordered\n|[0-9a-f]{32}", ran.Output);
        Assert.StartsWith($"********{secret[^4..]}\nrow 7|7|", ran.Output, StringComparison.Ordinal);
        Assert.EndsWith($"{await TestWorld.Ask<string>("SELECT name FROM shop.customers WHERE id = 7")}\n", ran.Output, StringComparison.Ordinal);

        var operations = await Audited();
        Assert.Equal(
            ["refused cards", "refused cards", "refused cards"],
            operations.Where(o => Text(o).Contains("LIKE", StringComparison.Ordinal) || Text(o).Contains("ORDER", StringComparison.Ordinal) || Text(o).Contains("md5", StringComparison.Ordinal))
                .Select(Told));
        Assert.InRange((await world.SessionCalled(name)).GetProperty("masked").GetInt64(), 3, 5); // PREPARE and COPY may be refused as a whole
    }

    private async Task<Run> Psql(string script)
    {
        var grant = await world.Grant("engineer", "everything");
        var ticket = await world.TicketFor("engineer", grant);
        // results and errors by one pipe: in the order in which psql wrote them
        var psql = Run.Start("bash", ["-c", "exec psql -X -A -t \"$1\" 2>&1", "psql", ticket.Url(name)]);
        await psql.Type(script + "\n\\q\n");
        return psql;
    }

    private static async Task Review(Approver approver, JsonElement held, string verdict, string comment) => await approver.Sends(new
    {
        kind = "hold",
        id = held.GetProperty("id").GetString(),
        expectedVersion = held.GetProperty("expectedVersion").GetInt64(),
        verdict,
        comment,
        token = await approver.Token(),
    });

    /// <summary>What the audit knows of the test's session, in order; the evaluator, asked again, says the same of each.</summary>
    private async Task<List<JsonElement>> Audited()
    {
        var session = (await world.SessionCalled(name, "Closed")).GetProperty("id").GetString();
        var found = (await world.Api.Get("auditor", $"/v1/audit/operations?session={session}&limit=100")).Is(200).Body.GetProperty("items").EnumerateArray()
            .OrderBy(o => o.GetProperty("op").GetInt64()).ToList();
        foreach (var operation in found)
        {
            var explained = (await world.Api.Get("auditor", $"/v1/audit/operations/{session}/{operation.GetProperty("op").GetInt64()}/explanation")).Is(200).Body;
            var basis = explained.GetProperty("basis").GetString();
            Assert.True(basis == "session" || (basis == "policy" && explained.GetProperty("agrees").GetBoolean()), explained.ToString());
        }
        return found;
    }

    private static string Text(JsonElement operation) => operation.GetProperty("text").GetString()!;

    /// <summary>How it ended, and by which rule.</summary>
    private static string Told(JsonElement operation) =>
        $"{operation.GetProperty("outcome").GetString()} {operation.GetProperty("reasons").EnumerateArray().First().GetProperty("rule").GetString()}";
}
