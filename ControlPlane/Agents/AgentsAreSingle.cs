using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>No agent has a double. Calls are served with one: somebody should look all the same.</summary>
internal sealed class AgentsAreSingle(AgentStateBuilder states) : IReadiness
{
    public string Name => "agents";

    public bool IsNeeded => false;

    public async ValueTask<string?> WhyNot(CancellationToken cancel)
    {
        var clones = (await states.Current(cancel)).Clones.Values.OrderBy(c => c.Agent, StringComparer.Ordinal).ToList();
        return clones.Count == 0 ? null : string.Join("; ", clones.Select(c => $"`{c.Agent}`: {c.Detail}"));
    }
}
