using System.CommandLine;

namespace AccessPlane.Cli.Audit;

/// <summary>`audit`: what happened, and who could do what.</summary>
internal static class AuditCommands
{
    public static Command Define() => new("audit", "What happened, and who could do what") { SearchOperations.Define(), AccessAsOf.Define() };
}
