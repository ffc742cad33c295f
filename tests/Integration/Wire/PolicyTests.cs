using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>Guardrails as a client of a real server meets them.</summary>
public sealed class PolicyTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static Guardrail Deny(string id, Match match, PolicyMode? mode = null) => new(id, "orders", match, Effect.Deny, "not today", Mode: mode);

    [Fact]
    public async Task A_published_policy_applies_to_the_next_operation_of_a_session_that_is_open_prepared_statements_too()
    {
        await using var agent = await WireAgent.Start();
        await using var session = new NpgsqlConnection(agent.NpgsqlString());
        await session.OpenAsync(Cancel);
        await Run(session, "create table t (id int)");
        await using var prepared = new NpgsqlCommand("insert into t values (1)", session);
        await prepared.PrepareAsync(Cancel);
        await prepared.ExecuteNonQueryAsync(Cancel);

        agent.Publish(policy => policy with { Guardrails = [Deny("no-inserts", Match.Everything with { Statements = ["insert"] })] });

        var refused = await Assert.ThrowsAsync<PostgresException>(() => prepared.ExecuteNonQueryAsync(Cancel));
        Assert.Contains("`no-inserts`: not today", refused.MessageText, StringComparison.Ordinal);
        Assert.Contains("`no-inserts`", (await Assert.ThrowsAsync<PostgresException>(() => Run(session, "insert into t values (2)"))).MessageText, StringComparison.Ordinal);
        await Run(session, "select * from t");

        agent.Publish(policy => policy with { Guardrails = [] });
        await prepared.ExecuteNonQueryAsync(Cancel);
        Assert.Equal(2L, await agent.Ask("select count(*) from t"));
    }

    [Fact]
    public async Task A_rule_that_is_only_watched_is_in_the_record_and_nowhere_else()
    {
        await using var agent = await WireAgent.Start();
        agent.Publish(policy => policy with { Guardrails = [Deny("watched", Match.Everything with { Statements = ["create"] }, PolicyMode.Observe)] });
        await using (var session = new NpgsqlConnection(agent.NpgsqlString()))
        {
            await session.OpenAsync(Cancel);
            await Run(session, "create table t (id int)");
        }
        var entry = Statements(agent).Single(e => e.Text == "create table t (id int)");
        Assert.Equal(Effect.Allow, entry.Effect);
        Assert.Equal(("watched", true), (entry.Reasons![1].Rule, entry.Reasons[1].Observed));
    }

    [Fact]
    public async Task What_statements_were_judged_by_is_recorded_once_and_named_by_each()
    {
        await using var agent = await WireAgent.Start();
        await using (var session = new NpgsqlConnection(agent.NpgsqlString()))
        {
            await session.OpenAsync(Cancel);
            await using var transaction = await session.BeginTransactionAsync(Cancel);
            for (var i = 0; i < 3; i++)
            {
                await Run(session, "select 42");
            }
            await transaction.CommitAsync(Cancel);
            await Run(session, "select 42");
        }
        var all = agent.Transcript().Select(l => JsonSerializer.Deserialize<TranscriptEntry>(l, Json.Strict)!).ToList();
        var selects = all.Where(e => e is { Kind: "statement", Text: "select 42" }).ToList();
        Assert.Equal([true, true, true, false], selects.Select(e => e.InTransaction!.Value));
        var facts = Assert.Single(all, e => e.Kind == "facts" && e.FactsHash == selects[0].FactsHash);
        Assert.All(selects, s => Assert.Equal(facts.FactsHash, s.FactsHash));
        Assert.True(facts.Seq < selects[0].Seq);
        Assert.Single(all, e => e.Kind == "scope");
    }

    private static IEnumerable<TranscriptEntry> Statements(WireAgent agent) =>
        agent.Transcript().Select(l => JsonSerializer.Deserialize<TranscriptEntry>(l, Json.Strict)!).Where(e => e.Kind == "statement");

    private static async Task Run(NpgsqlConnection session, string sql)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync(Cancel);
    }
}
