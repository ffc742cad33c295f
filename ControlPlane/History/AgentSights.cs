using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Keys;
using AccessPlane.ControlPlane.Sessions;

namespace AccessPlane.ControlPlane.History;

/// <summary>Compares what agents were told with the log, whenever they ask for something.</summary>
public sealed class AgentSights(EventLog log, LogHistories histories, NoticeRollback notice, SigningKeys keys, RecordFinding findings)
{
    /// <summary>What an agent may still say while a rollback is open. All else waits at the agent, or is asked again.</summary>
    public static bool IsHeard(string kind) =>
        kind is ReportKinds.LeaseAsk or ReportKinds.Knows or ReportKinds.Revoked or ReportKinds.EvidenceGap or ReportKinds.Masking or ReportKinds.Catalog;

    /// <summary>Why an agent is told nothing; null where the log holds all that it was told.</summary>
    public async Task<(string Cause, string Why, Guid? Rollback)?> WhyNot(Claim claim, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(claim);
        if ((await histories.Current(cancel)).Open is { } open)
        {
            return ("history", open.Why, open.Id);
        }
        switch (await Judge(claim, cancel))
        {
            case Regression.Proven proven:
                return await notice.Handle(new Sighting("agent", $"the agent {claim.Agent}", proven.Epoch, proven.Position), cancel) is { } found
                    ? ("history", found.Why, found.Id)
                    : null;
            case Regression.Unproven:
                await findings.Unusable(claim.Agent, "it claims to know more than the log holds, and cannot prove that it was told so", cancel);
                return ("unproven", "this agent claims to know more than the control plane's log, and cannot prove it: retire it and enrol it anew", null);
            default:
                return null;
        }
    }

    internal async Task<Regression> Judge(Claim claim, CancellationToken cancel)
    {
        var epoch = (await histories.Current(cancel)).Epoch;
        return Regression.Of(
            epoch, new LogThere(await log.Drawn(cancel), claim.Seen is { } seen ? await log.MarkAt(seen.Position, cancel) : null), claim,
            witness => keys.IsOurs(witness.SignedBytes(), witness.Signature));
    }
}
