using System.Security.Cryptography;
using System.Text;
using AccessPlane.Agent.Gate;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// Waits beside a session while one of its operations is parked: tells the client, asks the control plane, and brings its word, or the deadline, to
/// the session. Without a word it lapses: it is never approved by default.
/// </summary>
/// <param name="user">Who the session is at the database.</param>
internal sealed class PgHoldWatch(PgDoor door, Permit permit, string user, string client, PgHold hold, Lock guard, Relay.Relay relay)
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(40); // of a timer

    public static byte[] Notice(PgHold hold) => PgError.Notice(
        $"held by `{hold.Rule}`: it waits for {PolicyModel.Empty.Describe(hold.Ruling.Hold!.From)} until {hold.ExpiresAt.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z, hold {hold.Id:D}",
        hold.Ruling.Deciding?.Text, "cancel the statement to take it back");

    public async Task Run()
    {
        relay.Say(Notice(hold));
        var desk = door.Gate.Holds;
        using var over = new CancellationTokenSource();
        using var timer = door.Time.CreateTimer(
            _ => Tell(h => h.Lapse(door.Time.GetTimestamp())), null, hold.Patience < Longest ? hold.Patience : Longest, TimeSpan.FromSeconds(1));
        var asking = desk.Ask(hold.Id, Question, decision => Tell(h => h.Decide(decision, door.Time.GetTimestamp())), over.Token);
        await hold.Ended;
        await over.CancelAsync();
        await asking;
        desk.Forget(hold.Id);
        if (hold is { IsKnown: false, Outcome: not HoldOutcome.Released })
        {
            desk.Tell(new HoldEnd(hold.Id, hold.Outcome == HoldOutcome.Lapsed ? "lapsed" : "abandoned", hold.Why));
        }
    }

    private void Tell(Action<PgHold> word)
    {
        lock (guard)
        {
            word(hold);
        }
        relay.Wake();
    }

    /// <summary>What the approvers see.</summary>
    private async Task<HeldOperation> Question(CancellationToken cancel)
    {
        var rows = await PgEstimate.Rows(door.Upstream, permit, hold, door.Time, door.Log, cancel);
        var (text, ruling) = (hold.Text, hold.Ruling);
        return new HeldOperation(
            hold.Id, permit.Session, permit.Grant.Grant, hold.Op, permit.Resource.Id, permit.Database, user, hold.Protocol, client,
            Encoding.UTF8.GetString(text.Text), Convert.ToHexStringLower(SHA256.HashData(text.Text)), hold.Bound.Shown(text.ParameterTypes),
            ((char)hold.Transaction).ToString(), hold.Facts with { Outputs = null, Names = null }, RiskScore.Of(hold.Facts, rows).Score, hold.Rule, ruling.Reasons, rows, ruling.Hold!,
            hold.Binding, hold.ExpiresAt, ruling.PolicyVersion)
        {
            Runs = [.. hold.Runs.Select(run => new HeldRun(run.Name, Encoding.UTF8.GetString(run.Text.Text)))],
        };
    }
}
