using System.CommandLine;

namespace AccessPlane.Cli.Evidence;

/// <summary>`evidence`: to take away, and to check without anybody's help.</summary>
internal static class EvidenceCommands
{
    public static Command Define() => new("evidence", "Evidence to take away, and to check without a server") { ExportEvidence.Define(), VerifyEvidence.Define() };
}
