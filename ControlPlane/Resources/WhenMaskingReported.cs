using System.Text;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Resources;

/// <param name="At">By the agent's clock.</param>
/// <param name="Serves">Whether the agent serves the resource.</param>
public sealed record MaskingReport(string Agent, MaskingState State, DateTimeOffset At, bool Serves, PublishedPolicy Policy);

/// <summary>An agent says how the masks of a database stand. It is believed about the resources that it serves, and what it says again is not written again.</summary>
public sealed class WhenMaskingReported(Handle handle, AgentStateBuilder states)
{
    private const int LongestName = 63;
    private const int MostDatabases = 500;

    /// <summary>Reports are taken side by side, and one that the log was not there for is tried again for ten minutes: within this time an older one is
    /// late. Beyond it the agent's clock was put back, and what it says counts.</summary>
    private static readonly TimeSpan Late = TimeSpan.FromMinutes(15);

    /// <exception cref="FormatException">No agent makes such a report.</exception>
    public static Outcome Decide(Resource state, MaskingReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var found = report.State;
        if (WhyMalformed(found) is { } malformed)
        {
            throw new FormatException(malformed);
        }
        if (AgentWord.WhyNot(state, found.Resource, report.Serves, report.Policy, "masking-not-believed") is { } not)
        {
            return not;
        }
        var known = ((Resource.Registered)state).Masking;
        var before = known.Found.GetValueOrDefault((report.Agent, found.Database));
        if (before is null && known.Found.Keys.Count(k => k.Agent == report.Agent) >= MostDatabases)
        {
            return Outcome.Refuse("masking-not-believed", $"the agent reports of more than {MostDatabases} databases");
        }
        var late = before is not null && report.At < before.FoundAt && before.FoundAt - report.At < Late;
        if (late || !known.IsNews(report.Agent, found))
        {
            return Outcome.Nothing;
        }
        return Outcome.Of(new ResourceMaskingReported(
            found.Resource, report.Agent, found.Database, found.Plan, found.Status, found.Reason, before?.Plan == found.Plan ? null : found.Sql, found.Findings, report.At));
    }

    /// <returns>Why it was not taken; null when it was.</returns>
    public async Task<string?> Handle(Report report, MaskingState found, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(report);
        ArgumentNullException.ThrowIfNull(found);
        var known = await states.Current(cancel);
        var asked = new MaskingReport(report.Agent, found, report.At, known.Serving(found.Resource).Contains(report.Agent), known.Policy);
        var handled = await handle.Run(
            new Handling<Resource>(
                Ids.Resource(found.Resource), Resource.StreamType, Resource.Initial, Resource.Evolve, state => Decide(state, asked),
                new EventContext(Actor.System($"agent {report.Agent}"), report.Id) { PolicyVersion = known.Policy.Version }, Ids.Derive(report.Id, "masking")),
            cancel);
        return handled.WhyNotTaken();
    }

    private static string? WhyMalformed(MaskingState found) =>
        !Ids.IsName(found.Resource) ? "a report of masks names no resource"
        : found.Database.Length == 0 || Encoding.UTF8.GetByteCount(found.Database) > LongestName ? "a report of masks names no database"
        : found.Findings.Count > MaskingState.MostFindings ? $"a report of masks has more than {MaskingState.MostFindings} findings"
        : found.Sql.Length > MaskingState.MostSql || Encoding.UTF8.GetByteCount(found.Sql) > MaskingState.MostSql ? $"the SQL of a report of masks is longer than {MaskingState.MostSql} bytes"
        : found.Findings.Any(f => TooLong(f.Class) || TooLong(f.Through) || TooLong(f.What) || TooLong(f.Close)) || TooLong(found.Reason) ?
            $"a text of a report of masks is longer than {MaskingState.LongestText} characters"
        : found.Plan != MaskingState.PlanOf(found.Sql) ? "the plan of a report of masks is not what its SQL comes to"
        : null;

    private static bool TooLong(string? text) => text?.Length > MaskingState.LongestText;
}
