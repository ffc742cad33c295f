using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>Destinations take what they are told. Calls are served without: whoever is not told by them is told by the queue.</summary>
internal sealed class DestinationsAreReached(IReadOnlyList<DestinationState> destinations) : IReadiness
{
    public string Name => "integrations";

    public bool IsNeeded => false;

    public ValueTask<string?> WhyNot(CancellationToken cancel)
    {
        var troubles = destinations.Where(d => d.Now is not null)
            .Select(d => $"`{d.Name}` {d.Now!.Why} since {d.Now.Since.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'} ({d.Now.Attempts} attempts)").ToList();
        return ValueTask.FromResult(troubles.Count == 0 ? null : string.Join("; ", troubles));
    }
}
