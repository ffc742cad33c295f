using System.CommandLine;
using AccessPlane.Cli.Requests;

namespace AccessPlane.Cli.Access;

/// <summary>What `connect` and `exec` take.</summary>
internal sealed class Wanted
{
    public Argument<string> Resource { get; } = new("resource") { Description = "What to connect to: `accessplane resources` lists it" };
    public Option<string?> Entitlement { get; } = new("--entitlement", "-e") { Description = "What to ask for, where there are several", HelpName = "id" };
    public Option<string?> Grant { get; } = new("--grant") { Description = "A grant to use, by its id or the end of it", HelpName = "id" };
    public Option<string?> Database { get; } = new("--database") { Description = "Which database, where the grant is for several", HelpName = "name" };
    public Option<int?> Connections { get; } = new("--connections") { Description = "How many connections the ticket opens", HelpName = "number" };
    public Terms Terms { get; } = new();

    public IEnumerable<Symbol> All => [Resource, Entitlement, Grant, Database, Connections, .. Terms.Options];
}
