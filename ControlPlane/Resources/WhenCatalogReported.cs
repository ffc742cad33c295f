using System.Text;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Resources;

/// <param name="Serves">Whether the agent serves the resource.</param>
public sealed record CatalogReport(string Agent, CatalogNames Names, bool Serves, PublishedPolicy Policy);

/// <summary>An agent says what the relations and columns of a database are called. It is believed about the resources that it serves, and what it says again
/// is not written again.</summary>
public sealed class WhenCatalogReported(Handle handle, AgentStateBuilder states)
{
    private const int LongestName = 63;
    private const int MostDatabases = 500;

    /// <exception cref="FormatException">No agent makes such a report.</exception>
    public static Outcome Decide(Resource state, CatalogReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var names = report.Names;
        if (WhyMalformed(names) is { } malformed)
        {
            throw new FormatException(malformed);
        }
        if (AgentWord.WhyNot(state, names.Resource, report.Serves, report.Policy, "catalog-not-believed") is { } not)
        {
            return not;
        }
        var known = ((Resource.Registered)state).Catalogs;
        if (known.TryGetValue((report.Agent, names.Database), out var before) ? before == names.Hash : known.Keys.Count(k => k.Agent == report.Agent) >= MostDatabases)
        {
            return Outcome.Nothing;
        }
        return Outcome.Of(new ResourceCatalogReported(names.Resource, report.Agent, names.Database, names.Hash, names.Relations, names.IsAll));
    }

    /// <returns>Why it was not taken; null when it was.</returns>
    public async Task<string?> Handle(Report report, CatalogNames names, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(report);
        ArgumentNullException.ThrowIfNull(names);
        var known = await states.Current(cancel);
        var asked = new CatalogReport(report.Agent, names, known.Serving(names.Resource).Contains(report.Agent), known.Policy);
        var handled = await handle.Run(
            new Handling<Resource>(
                Ids.Resource(names.Resource), Resource.StreamType, Resource.Initial, Resource.Evolve, state => Decide(state, asked),
                new EventContext(Actor.System($"agent {report.Agent}"), report.Id) { PolicyVersion = known.Policy.Version }, Ids.Derive(report.Id, "catalog")),
            cancel);
        return handled.WhyNotTaken();
    }

    private static string? WhyMalformed(CatalogNames names) =>
        !Ids.IsName(names.Resource) ? "a report of a catalog names no resource"
        : names.Database.Length == 0 || Encoding.UTF8.GetByteCount(names.Database) > LongestName ? "a report of a catalog names no database"
        : names.Relations.Count + names.Relations.Sum(r => r.Columns.Count) > CatalogNames.MostNames ? $"a report of a catalog has more than {CatalogNames.MostNames} names"
        : names.Relations.Any(r => !IsName(r.Relation) || !r.Columns.All(IsName)) ? "a name in a report of a catalog is none"
        : !names.IsAll && names.Relations.Count > 0 ? "a report of a catalog tells a part of it"
        : names.Hash != CatalogNames.HashOf(names.Relations) ? "the hash of a report of a catalog is not that of its names"
        : null;

    private static bool IsName(string name) => name.Length is > 0 and <= CatalogNames.LongestName && !name.Contains('\0', StringComparison.Ordinal);
}
