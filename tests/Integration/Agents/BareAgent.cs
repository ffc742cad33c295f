using AccessPlane.Agent.Directives;
using AccessPlane.Agent.Gate;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Messages;
using AccessPlane.Tests.Unit.Agent;
using Microsoft.Extensions.Logging.Abstractions;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>An agent called `a` without any process around it: what is in force there, what it has on its disk, and what it says, which the test alone hears.</summary>
internal sealed class BareAgent : IDisposable
{
    private readonly StateFolder state = new();
    private readonly List<Report> said = [];

    public BareAgent()
    {
        Identity = Keys.Enrol("a");
        Memory = new Memory(state.Path);
        Tickets = Tickets.Open(state.Path);
        Spool = new Spool(state.Path, SpoolLimits.Standard, ControlPlaneKey.Wrap, World.Time, () => Available);
        Reports = new Reports(Identity, Hear, World.Time, NullLogger<Reports>.Instance);
        CatchUp = new CatchUp(World.InForce, Memory, Reports, NullLogger<CatchUp>.Instance);
    }

    public AgentWorld World { get; } = new();
    public PlaneKeys Keys { get; } = new();
    public AgentIdentity Identity { get; }
    public Memory Memory { get; }
    public Tickets Tickets { get; }
    public Spool Spool { get; }
    public Reports Reports { get; }
    public CatchUp CatchUp { get; }
    public string State => state.Path;

    /// <summary>Bytes that its disk has left.</summary>
    public long Available { get; set; } = 1L << 40;

    /// <summary>What it has said up to now.</summary>
    public IReadOnlyList<Report> Said
    {
        get
        {
            lock (said)
            {
                return [.. said];
            }
        }
    }

    public void Dispose()
    {
        Reports.Dispose();
        Spool.Dispose();
        Tickets.Dispose();
        Memory.Dispose();
        Identity.Dispose();
        Keys.Dispose();
        state.Dispose();
    }

    private Task Hear(Report report, CancellationToken cancel)
    {
        lock (said)
        {
            said.Add(report);
        }
        return Task.CompletedTask;
    }
}
