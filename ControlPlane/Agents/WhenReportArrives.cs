using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.History;
using AccessPlane.ControlPlane.Holds;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Resources;
using AccessPlane.ControlPlane.Sessions;
using MassTransit;
using Npgsql;
using RabbitMQ.Client.Exceptions;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>
/// Takes the agents' words: each must be signed with the key under which its agent enrolled. What cannot be believed is counted, logged and
/// dropped. What an agent did say and nobody can use is a recorded finding, and lies in the queue beside for whoever looks into it. Only what failed
/// for a reason that passes by itself is tried again: anything else would keep the other agents waiting.
/// </summary>
public sealed partial class WhenReportArrives(
    AgentKeys agents, AnswerLease leases, AnswerCatchUp catchUps, AgentTable table, IngestSegment ingest, RecordFinding findings, LoginDesk logins,
    WitnessRollback witnesses, LogHistories histories, WhenOperationHeld holds, AbandonHold abandoned, AgentStateBuilder states, AgentLine line, Handle handle, WhenMaskingReported masks, WhenCatalogReported catalogs, AnswerSpoolKeys spoolKeys,
    RotateAgentKey rotation, TimeProvider clock, ILogger<WhenReportArrives> logger) : IConsumer<Report>
{
    /// <summary>By the agent's clock. Whoever reads the broker's messages could send an older one again after what it did was forgotten.</summary>
    public static readonly TimeSpan OldestReport = TimeSpan.FromDays(1);

    public async Task Consume(ConsumeContext<Report> context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var (report, cancel) = (context.Message, context.CancellationToken);
        if (await agents.KeysOf(report, cancel) is not { } keys)
        {
            AgentMeter.ReportsRefused.Add(1);
            LogRefused(report.Agent ?? "", report.Kind ?? "", "it is not signed by an enrolled agent");
            return;
        }
        try
        {
            if ((clock.GetUtcNow() - report.At).Duration() > OldestReport)
            {
                throw new FormatException($"the report is dated {report.At:yyyy-MM-dd'T'HH}: it is sent again, or the agent's clock is wrong");
            }
            if (AgentSights.IsHeard(report.Kind) || (await histories.Current(cancel)).Open is null)
            {
                await Act(report, keys, cancel);
            }
        }
        catch (Exception bad) when (!MayPass(bad) && !cancel.IsCancellationRequested)
        {
            AgentMeter.ReportsRefused.Add(1);
            LogUnusable(report.Agent, report.Kind, bad);
            await findings.Unusable(report.Agent, bad is FormatException ? bad.Message : $"the report `{Kind(report)}` cannot be used", cancel);
            throw;
        }
    }

    /// <summary>Whether the same report may be taken a little later.</summary>
    internal static bool MayPass(Exception failure) =>
        failure is UnavailableException or RabbitMQClientException or ConnectionException or SocketException or TimeoutException ||
        (failure is NpgsqlException database && Errors.IsOutage(database));

    /// <summary>For the log: what an agent calls its report is its own choice.</summary>
    private static string Kind(Report report) => Ids.IsName(report.Kind) ? report.Kind : "?";

    private Task Act(Report report, IReadOnlyList<ECDsa> keys, CancellationToken cancel) => report.Kind switch
    {
        ReportKinds.LeaseAsk => leases.Handle(report.Agent, Body<LeaseAsk>(report), cancel),
        ReportKinds.CatchUpAsk => catchUps.Handle(report.Agent, Body<CatchUpAsk>(report), cancel),
        ReportKinds.Knows => witnesses.Handle(report.Agent, Body<AgentKnows>(report), cancel),
        ReportKinds.Applied => table.Acknowledge(report.Agent, Body<Applied>(report).Position, cancel),
        ReportKinds.Revoked => Revoked(report, Body<RevocationApplied>(report), cancel),
        ReportKinds.SegmentSealed => Segment(report.Agent, Body<Segment>(report), keys, cancel),
        ReportKinds.EvidenceGap => findings.Handle(report.Agent, Body<EvidenceGap>(report), cancel),
        ReportKinds.OperationHeld => Believe(report, holds.Handle(report.Agent, Body<HeldOperation>(report), report.Id, cancel)),
        ReportKinds.HoldEnded => Believe(report, abandoned.Handle(report.Agent, Body<HoldEnd>(report), report.Id, cancel)),
        ReportKinds.Masking => Believe(report, masks.Handle(report, Body<MaskingState>(report), cancel)),
        ReportKinds.Catalog => Believe(report, catalogs.Handle(report, Body<CatalogNames>(report), cancel)),
        ReportKinds.SpoolKeyAsk => spoolKeys.Handle(report.Agent, Body<SpoolKeyAsk>(report), cancel),
        ReportKinds.AgentKey => rotation.Handle(report.Agent, Body<AgentKeyAnnouncement>(report), report.Id, cancel),
        ReportKinds.LoginAsk => Queue(report.Agent, Body<LoginAsk>(report)),
        _ => throw new FormatException("the kind of report is not known"),
    };

    private async Task Believe(Report report, Task<string?> taking)
    {
        if (await taking is { } why)
        {
            AgentMeter.ReportsRefused.Add(1);
            LogRefused(report.Agent, report.Kind, why);
        }
    }

    private async Task Segment(string agent, Segment segment, IReadOnlyList<ECDsa> keys, CancellationToken cancel)
    {
        var ingested = segment.Agent == agent
            ? await ingest.Handle(segment, keys.FirstOrDefault(segment.IsSignedBy) ?? keys[0], cancel)
            : throw new FormatException("the segment is another agent's");
        if (ingested == Ingested.NotYet)
        {
            return;
        }
        var head = (await states.Current(cancel)).Position;
        if (ingested.Refused is not { } refused)
        {
            await line.Answer(agent, head, DirectiveKinds.SegmentAccepted, new SegmentReceipt(segment.Session, segment.Number, ingested.Position), cancel);
            return;
        }
        LogSegmentRefused(agent, segment.Session, segment.Number, refused);
        await line.Answer(agent, head, DirectiveKinds.SegmentRefused, new SegmentRefusal(segment.Session, segment.Number, refused), cancel);
    }

    private async Task Revoked(Report report, RevocationApplied applied, CancellationToken cancel)
    {
        if (applied.Sessions < 0 || applied.Cut < TimeSpan.Zero)
        {
            throw new FormatException("a grant's end cannot cut less than nothing");
        }
        var serves = (await states.Current(cancel)).Agents.GetValueOrDefault(report.Agent)?.Resources ?? [];
        await handle.Run(Acknowledging(report, applied, serves), cancel);
    }

    private static Handling<Grant> Acknowledging(Report report, RevocationApplied applied, IReadOnlyList<string> serves) =>
        new(
            applied.Grant, Grant.StreamType, Grant.Initial, Grant.Evolve,
            // where another agent enforces it, this one has nothing to acknowledge
            state => state is Grant.Revoked or Grant.Surrendered or Grant.Active && serves.Contains(((Grant.Known)state).Issued.Resource)
                ? Outcome.Of(new RevocationAcknowledged(report.Agent, applied.Sessions, applied.Cut))
                : Outcome.Nothing,
            new EventContext(Actor.System($"agent {report.Agent}"), report.Id), Ids.Derive(applied.Grant, $"acknowledged/{report.Agent}"));

    private Task Queue(string agent, LoginAsk ask)
    {
        // it may take the identity provider's time: leases and revocations must not wait behind it
        logins.Queue(agent, ask);
        return Task.CompletedTask;
    }

    private static T Body<T>(Report report) => JsonSerializer.Deserialize<T>(report.Body, Json.Untrusted) ?? throw new JsonException("the body is empty");

    [LoggerMessage(Level = LogLevel.Error, Message = "a report `{Kind}` in the name of `{Agent}` was refused: {Why}")]
    private partial void LogRefused(string agent, string kind, string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "a report `{Kind}` of `{Agent}` cannot be used and was put aside")]
    private partial void LogUnusable(string agent, string? kind, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "agent `{Agent}`, session {Session}: segment {Number} was refused: {Why}")]
    private partial void LogSegmentRefused(string agent, Guid session, int number, string why);
}
