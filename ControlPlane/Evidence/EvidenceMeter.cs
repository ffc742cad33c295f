using System.Diagnostics.Metrics;

namespace AccessPlane.ControlPlane.Evidence;

/// <summary>What the control plane counts of its evidence.</summary>
internal static class EvidenceMeter
{
    public const string Name = "AccessPlane.Evidence";
    private static readonly Meter Meter = new(Name);

    public static Counter<long> Taken { get; } = Meter.CreateCounter<long>("accessplane.checkpoints.taken");

    /// <summary>Attempts that failed; each is tried again.</summary>
    public static Counter<long> NotTaken { get; } = Meter.CreateCounter<long>("accessplane.checkpoints.not_taken");

    /// <summary>Attempts to write a checkpoint's file that failed; each is tried again.</summary>
    public static Counter<long> NotWritten { get; } = Meter.CreateCounter<long>("accessplane.checkpoints.not_written");
}
