using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd;

/// <summary>A policy on its way from the API to the sessions that are open, and back into the audit.</summary>
public sealed class PolicyTests(TestWorld world)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_published_policy_is_what_the_next_statement_of_an_open_session_is_judged_by()
    {
        var current = (await world.Api.Get("admin", "/v1/policies/current")).Is(200).Text("text");
        Assert.DoesNotContain("no-comments", current, StringComparison.Ordinal);
        const string rule = "{ id: no-comments, resource: orders, match: { statements: [comment] }, effect: deny, message: 'nothing is said about tables' }";
        var stricter = current.Contains("\nguardrails:\n", StringComparison.Ordinal)
            ? current.Replace("\nguardrails:\n", $"\nguardrails:\n  - {rule}\n", StringComparison.Ordinal)
            : current.Replace("\ndirectory:\n", $"\nguardrails:\n  - {rule}\ndirectory:\n", StringComparison.Ordinal);
        const string table = "noted";
        var grant = await world.Grant("engineer", "everything");
        await using var session = new NpgsqlConnection((await world.TicketFor("engineer", grant, database: "scratch")).Npgsql("policy-order"));
        await session.OpenAsync(Cancel);
        await Run(session, $"CREATE TEMP TABLE {table} (id int)");
        await Run(session, $"COMMENT ON TABLE {table} IS 'before'");
        try
        {
            await world.Api.PublishPolicy(stricter);
            // a ticket is answered when its agent has acknowledged the order, which stands behind the policy's: no clock is asked
            await world.TicketFor("engineer", grant, database: "scratch");
            var refused = await Assert.ThrowsAsync<PostgresException>(() => Run(session, $"COMMENT ON TABLE {table} IS 'after'"));
            Assert.Contains("`no-comments`: nothing is said about tables", refused.MessageText, StringComparison.Ordinal);
        }
        finally
        {
            await world.Api.PublishPolicy(current);
        }
        await world.TicketFor("engineer", grant, database: "scratch");
        await Run(session, $"COMMENT ON TABLE {table} IS 'again'");
        await session.CloseAsync();
        await Explained((await world.SessionCalled("policy-order", "Closed")).GetProperty("id").GetString()!);
    }

    /// <summary>The evaluator says of the session's operations what the record says; of all others too, once everything else is over.</summary>
    private async Task Explained(string session)
    {
        var found = (await world.Api.Get("auditor", $"/v1/audit/operations?limit=1000&session={session}")).Is(200).Body.GetProperty("items");
        Assert.NotEqual(0, found.GetArrayLength());
        foreach (var operation in found.EnumerateArray())
        {
            await EveryOperation.IsExplained(world.Api, session, operation.GetProperty("op").GetInt64());
        }
    }

    private static async Task Run(NpgsqlConnection session, string sql)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync(Cancel);
    }
}
