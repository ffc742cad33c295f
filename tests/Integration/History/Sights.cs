using AccessPlane.ControlPlane.Evidence;
using AccessPlane.ControlPlane.History;
using AccessPlane.ControlPlane.Keys;
using AccessPlane.ControlPlane.Sessions;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace AccessPlane.Tests.Integration.History;

/// <summary>What compares the agents' words with a log, without a whole control plane around it.</summary>
internal static class Sights
{
    public static CheckpointedLog Checkpointed(TestDatabase database, LogHistories histories, string checkpoints) => new(
        new CheckpointChains(database.Tail), new CheckpointFolder(Options.Create(new EvidenceOptions { Checkpoints = checkpoints })), histories);

    public static AgentSights Over(TestDatabase database, LogHistories histories, SigningKeys keys, string checkpoints)
    {
        var folder = new CheckpointFolder(Options.Create(new EvidenceOptions { Checkpoints = checkpoints }));
        var witness = new CheckpointWitness(
            database.Log, database.Handle, new EvidenceLog(database.Source), folder, keys, NullLogger<CheckpointWitness>.Instance);
        var notice = new NoticeRollback(database.Handle, database.Log, histories, witness, TimeProvider.System, NullLogger<NoticeRollback>.Instance);
        return new AgentSights(database.Log, histories, notice, keys, new RecordFinding(database.Handle, TimeProvider.System));
    }
}
