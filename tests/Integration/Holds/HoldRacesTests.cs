using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.Tests.Integration.Wire;
using Xunit;
using static AccessPlane.Tests.Integration.Holds.HeldDeletes;
using static AccessPlane.Tests.Integration.Wire.RawClient;

namespace AccessPlane.Tests.Integration.Holds;

/// <summary>A release at the very moment in which something else ends the operation, again and again, on a real server: what the server has run, what its
/// client was told and what the record says are one and the same.</summary>
public sealed class HoldRacesTests
{
    private const int Rounds = 12;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("cancel")]
    [InlineData("lapse")]
    [InlineData("leave")]
    [InlineData("revoke")]
    [InlineData("publish")]
    [InlineData("refuse")]
    public async Task Exactly_one_of_ran_and_refused_when_a_release_comes_together_with(string other)
    {
        await using var agent = await Start(seconds: other == "lapse" ? 0.3 : 60);
        await agent.Directly(
            "create sequence runs", $"insert into h select generate_series(11, {Rounds})", "alter table h add primary key (a)",
            "create function ran() returns trigger language plpgsql as 'begin perform nextval(''runs''); return null; end'",
            "create trigger ran after delete on h for each statement execute function ran()", $"grant all on sequence runs to {agent.Database}");
        var told = new string[Rounds + 1];
        for (var i = 1; i <= Rounds; i++)
        {
            agent.Guard(Deletes(seconds: other == "lapse" ? 0.3 : 60));
            told[i] = await Round(agent, other, i);
            agent.Ended.TryTake(out _);
        }
        await Until(() => agent.Live.Count == 0);
        var recorded = Recorded(agent.Transcript());
        var ran = 0;
        for (var i = 1; i <= Rounds; i++)
        {
            var isGone = (long)(await agent.Ask($"select count(*) from h where a = {i}"))! == 0;
            ran += isGone ? 1 : 0;
            var (hold, result) = recorded[i];
            Assert.True(isGone == (hold == "released" && result == "completed") || (hold == "released" && result is not ("refused" or "completed")),
                $"{other} {i}: it {(isGone ? "ran" : "did not run")}, and the record says {hold}, {result}");
            Assert.True(told[i].Length == 0 || told[i].Contains("C[DELETE 1]", StringComparison.Ordinal) == isGone || told[i].Contains("E57P01", StringComparison.Ordinal),
                $"{other} {i}: it {(isGone ? "ran" : "did not run")}, and its client was told {told[i]}");
        }
        // what was begun and undone counts too
        var begun = (bool)(await agent.Ask("select is_called from runs"))! ? (long)(await agent.Ask("select last_value from runs"))! : 0;
        Assert.True(begun >= ran && begun <= recorded.Values.Count(r => r.Hold == "released"), $"{begun} were run, {ran} lasted: {string.Join(", ", recorded.Values)}");
    }

    /// <returns>What the client was told; empty where it was not there to hear it.</returns>
    private static async Task<string> Round(WireAgent agent, string other, int i)
    {
        using var client = await agent.Connect();
        await client.Send(Query($"delete from h where a = {i}"));
        await Notice(client);
        var held = agent.NextAsked();
        if (other == "lapse")
        {
            var left = held.ExpiresAt - TimeProvider.System.GetUtcNow();
            await Task.Delay(left > TimeSpan.Zero ? left : TimeSpan.Zero, Cancel); // until its last moment
        }
        using var start = new Barrier(2);
        var released = Task.Run(() => { start.SignalAndWait(Cancel); agent.Decide(held, "released"); }, Cancel);
        var ended = Task.Run(async () => { start.SignalAndWait(Cancel); await End(agent, client, held, other, i); }, Cancel);
        await Task.WhenAll(released, ended);
        return other == "leave" ? "" : Story(await client.UntilReady());
    }

    private static async Task End(WireAgent agent, RawClient client, HeldOperation held, string other, int i)
    {
        // not always in the same order
        for (var spin = 0; spin < i % 4; spin++)
        {
            await Task.Yield();
        }
        switch (other)
        {
            case "cancel":
                await client.AskToCancel(agent.Port);
                break;
            case "leave":
                client.Socket.Close(0);
                break;
            case "revoke":
                agent.Live.CutGrant(agent.Grant.Grant, "revoked", "the grant was revoked by `dba`", TimeProvider.System.GetTimestamp());
                break;
            case "publish":
                agent.Guard(Deletes(Effect.Deny));
                break;
            case "refuse":
                agent.Decide(held, "refused");
                break;
        }
    }

    /// <summary>Of each round's operation: how its hold ended, and what became of it.</summary>
    private static Dictionary<int, (string Hold, string Result)> Recorded(IEnumerable<string> transcript)
    {
        var found = new Dictionary<int, (string Hold, string Result)>();
        var (round, op) = (0, 0L);
        foreach (var entry in transcript.Select(line => JsonSerializer.Deserialize<TranscriptEntry>(line, Json.Strict)!))
        {
            switch (entry.Kind)
            {
                case "statement" when entry.Text!.StartsWith("delete from h where a = ", StringComparison.Ordinal):
                    (round, op) = (int.Parse(entry.Text.Split(' ')[^1], System.Globalization.CultureInfo.InvariantCulture), entry.Op!.Value);
                    found.Add(round, ("", ""));
                    break;
                case "hold-ended" when entry.Op == op:
                    Assert.Equal("", found[round].Hold);
                    found[round] = found[round] with { Hold = entry.Outcome! };
                    break;
                case "result" when entry.Op == op:
                    Assert.Equal("", found[round].Result);
                    found[round] = found[round] with { Result = entry.Outcome! };
                    break;
            }
        }
        return found;
    }
}
