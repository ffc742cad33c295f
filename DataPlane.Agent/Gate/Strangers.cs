using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace AccessPlane.Agent.Gate;

/// <summary>Those in front of a door who have not proven who they are: only so many at a time, from one address and together.</summary>
internal sealed class Strangers(DoorBounds bounds)
{
    private readonly ConcurrentDictionary<IPAddress, int> byAddress = [];
    private int all;

    /// <summary>Takes a place in front of the door; <see cref="Leave"/> gives it back.</summary>
    /// <returns>Null, or why there is none: then nothing was taken.</returns>
    public string? Enter(IPAddress address)
    {
        var place = PlaceOf(address);
        var together = Interlocked.Increment(ref all);
        var same = byAddress.AddOrUpdate(place, 1, (_, n) => n + 1);
        if (same > bounds.StrangersPerAddress || together > bounds.Strangers)
        {
            GiveBack(place);
            return Refuse(same > bounds.StrangersPerAddress ? "address" : "all");
        }
        AgentMeter.Strangers.Add(1);
        return null;
    }

    public void Leave(IPAddress address)
    {
        GiveBack(PlaceOf(address));
        AgentMeter.Strangers.Add(-1);
    }

    private void GiveBack(IPAddress place)
    {
        Interlocked.Decrement(ref all);
        if (byAddress.AddOrUpdate(place, 0, (_, n) => n - 1) == 0)
        {
            byAddress.TryRemove(new KeyValuePair<IPAddress, int>(place, 0)); // unless somebody came meanwhile
        }
    }

    private static string Refuse(string bound)
    {
        AgentMeter.StrangersRefused.Add(1, new KeyValuePair<string, object?>("bound", bound));
        return bound == "address" ? "too many logins from your address at a time: try again shortly" : "too many logins at a time: try again shortly";
    }

    /// <summary>Whoever has an IPv6 address has a /64 of them: it counts as one.</summary>
    internal static IPAddress PlaceOf(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            return address.MapToIPv4();
        }
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return address;
        }
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes);
    }
}
