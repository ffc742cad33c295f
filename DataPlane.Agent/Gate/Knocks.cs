using System.Net;

namespace AccessPlane.Agent.Gate;

/// <summary>
/// How fast one address may come to a door, and how often it may fail there to prove anything. By address alone: whom an unproven name or token is said
/// to be, or whose issuer's, is the stranger's own word, and refusing by it would let strangers lock others out.
/// </summary>
internal sealed class Knocks(DoorBounds bounds, TimeProvider time)
{
    private readonly Pace<IPAddress> coming = new(time, TimeSpan.FromSeconds(1) / bounds.ConnectionsPerSecond, 2 * bounds.ConnectionsPerSecond);
    private readonly Pace<IPAddress> failing = new(time, TimeSpan.FromSeconds(1), bounds.FailedLogins);

    /// <summary>Somebody comes.</summary>
    /// <returns>Null, or why they come too often.</returns>
    public string? Come(IPAddress address)
    {
        var place = Strangers.PlaceOf(address);
        if (!coming.Take(place))
        {
            return Refuse("pace", "connections from your address come too fast: try again shortly");
        }
        return failing.IsOver(place) ? Refuse("failures", "too many logins from your address have failed: try again shortly") : null;
    }

    /// <summary>Somebody could not prove who they are.</summary>
    public void Failed(IPAddress address) => failing.Count(Strangers.PlaceOf(address));

    private static string Refuse(string bound, string why)
    {
        AgentMeter.StrangersRefused.Add(1, new KeyValuePair<string, object?>("bound", bound));
        return why;
    }
}
