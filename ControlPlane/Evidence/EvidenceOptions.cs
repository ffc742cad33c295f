namespace AccessPlane.ControlPlane.Evidence;

/// <summary>Section `Evidence` of the configuration.</summary>
public sealed class EvidenceOptions
{
    /// <summary>The directory of the checkpoints' files, the same for all replicas. It should be where who owns the database cannot write: files are
    /// created in it and never written again, so that a WORM mount will do.</summary>
    public string Checkpoints { get; set; } = "checkpoints";

    /// <summary>How often a checkpoint is taken.</summary>
    public TimeSpan Every { get; set; } = TimeSpan.FromMinutes(1);
}
