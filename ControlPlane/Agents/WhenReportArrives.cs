using System.Security.Cryptography;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Sessions;
using MassTransit;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>
/// Takes the agents' words: each must be signed with the key under which its agent enrolled. What cannot be believed is counted, logged and
/// dropped; only what failed for a reason that may pass is tried again.
/// </summary>
public sealed partial class WhenReportArrives(
    AgentKeys agents, AnswerLease leases, AnswerCatchUp catchUps, AgentTable table, IngestSegment ingest, RecordFinding findings, LoginDesk logins,
    AgentStateBuilder states, AgentLine line, Handle handle, ILogger<WhenReportArrives> logger) : IConsumer<Report>
{
    public async Task Consume(ConsumeContext<Report> context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var (report, cancel) = (context.Message, context.CancellationToken);
        try
        {
            if (await agents.KeyOf(report, cancel) is not { } key)
            {
                AgentMeter.ReportsRefused.Add(1);
                LogRefused(report.Agent ?? "", report.Kind ?? "", "it is not signed by an enrolled agent");
                return;
            }
            await Act(report, key, cancel);
        }
        catch (Exception bad) when (bad is JsonException or FormatException or ArgumentException or InvalidOperationException)
        {
            AgentMeter.ReportsRefused.Add(1);
            LogUnreadable(report.Agent ?? "", report.Kind ?? "", bad);
        }
    }

    private Task Act(Report report, ECDsa key, CancellationToken cancel) => report.Kind switch
    {
        ReportKinds.LeaseAsk => leases.Handle(report.Agent, Body<LeaseAsk>(report), cancel),
        ReportKinds.CatchUpAsk => catchUps.Handle(report.Agent, cancel),
        ReportKinds.Applied => table.Acknowledge(report.Agent, Body<Applied>(report).Position, cancel),
        ReportKinds.Revoked => Revoked(report, Body<RevocationApplied>(report), cancel),
        ReportKinds.SegmentSealed => Segment(report.Agent, Body<Segment>(report), key, cancel),
        ReportKinds.EvidenceGap => findings.Handle(report.Agent, Body<EvidenceGap>(report), cancel),
        ReportKinds.LoginAsk => Queue(report.Agent, Body<LoginAsk>(report)),
        _ => throw new FormatException("the kind of report is not known"),
    };

    private async Task Segment(string agent, Segment segment, ECDsa key, CancellationToken cancel)
    {
        var refused = segment.Agent == agent
            ? await ingest.Handle(segment, key, cancel)
            : throw new FormatException("the segment is another agent's");
        var head = (await states.Current(cancel)).Position;
        if (refused is null)
        {
            await line.Answer(agent, head, DirectiveKinds.SegmentAccepted, new SegmentReceipt(segment.Session, segment.Number), cancel);
            return;
        }
        LogSegmentRefused(agent, segment.Session, segment.Number, refused);
        await line.Answer(agent, head, DirectiveKinds.SegmentRefused, new SegmentRefusal(segment.Session, segment.Number, refused), cancel);
    }

    private async Task Revoked(Report report, RevocationApplied applied, CancellationToken cancel) => await handle.Run(
        new Handling<Grant>(
            applied.Grant, Grant.StreamType, Grant.Initial, Grant.Evolve,
            state => state is Grant.Revoked or Grant.Surrendered or Grant.Active
                ? Outcome.Of(new RevocationAcknowledged(report.Agent, applied.Sessions, applied.Cut))
                : Outcome.Nothing,
            new EventContext(Actor.System($"agent {report.Agent}"), report.Id), Ids.Derive(applied.Grant, $"acknowledged/{report.Agent}")),
        cancel);

    private Task Queue(string agent, LoginAsk ask)
    {
        // it may take the identity provider's time: leases and revocations must not wait behind it
        logins.Queue(agent, ask);
        return Task.CompletedTask;
    }

    private static T Body<T>(Report report) => JsonSerializer.Deserialize<T>(report.Body, Json.Options) ?? throw new JsonException("the body is empty");

    [LoggerMessage(Level = LogLevel.Error, Message = "a report `{Kind}` in the name of `{Agent}` was refused: {Why}")]
    private partial void LogRefused(string agent, string kind, string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "a report `{Kind}` of `{Agent}` cannot be used")]
    private partial void LogUnreadable(string agent, string kind, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "agent `{Agent}`, session {Session}: segment {Number} was refused: {Why}")]
    private partial void LogSegmentRefused(string agent, Guid session, int number, string why);
}
