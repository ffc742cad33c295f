using System.Collections.Concurrent;
using System.Net;
using AccessPlane.Agent.Recording;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>What all sessions of one listener share, and how many strangers may stand in front of it at a time.</summary>
internal sealed class PgDoor(
    ListenerConfig config, Gate.Gate gate, RecorderFactory recorders, PgParser parser, PgUpstream upstream, TimeProvider time, ILogger log) : IDisposable
{
    /// <summary>From the first byte to the proof of who it is.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public const int MostStrangers = 1024;
    public const int MostStrangersOfOneAddress = 256;

    private readonly ConcurrentDictionary<IPAddress, int> strangersBy = [];
    private readonly ConcurrentDictionary<PgKey, PgSession> sessions = [];
    private int strangers;

    public string Resource { get; } = config.Resource;
    public bool TicketsInClear { get; } = config.Tls is not { Required: true };
    public Gate.Gate Gate { get; } = gate;
    public RecorderFactory Recorders { get; } = recorders;
    public PgCatalogs Catalogs { get; } = new(upstream, parser, time, log);
    public PgUpstream Upstream { get; } = upstream;
    public PgControl Control { get; } = new(upstream, time, log);
    public TimeProvider Time { get; } = time;
    public ILogger Log { get; } = log;
    public PgEncryption Encryption { get; } = new(config.Tls);
    public IReadOnlyCollection<PgSession> Sessions => (IReadOnlyCollection<PgSession>)sessions.Values;

    /// <returns>False when too many are in front already.</returns>
    public bool TryEnter(IPAddress address)
    {
        var all = Interlocked.Increment(ref strangers);
        var same = strangersBy.AddOrUpdate(address, 1, (_, n) => n + 1);
        if (all <= MostStrangers && same <= MostStrangersOfOneAddress)
        {
            return true;
        }
        Leave(address);
        return false;
    }

    public void Leave(IPAddress address)
    {
        Interlocked.Decrement(ref strangers);
        var left = strangersBy.AddOrUpdate(address, 0, (_, n) => n - 1);
        if (left == 0)
        {
            strangersBy.TryRemove(new KeyValuePair<IPAddress, int>(address, 0));
        }
    }

    public void Opened(PgSession session) => sessions[session.Key] = session;

    public void Closed(PgSession session) => sessions.TryRemove(session.Key, out _);

    /// <summary>Looks at how long things take in every session.</summary>
    public void Look()
    {
        foreach (var (_, session) in sessions)
        {
            session.Look();
        }
    }

    /// <summary>A CancelRequest's session; null for a key that was never given out. The asker is told neither.</summary>
    public PgSession? Find(PgKey key) => sessions.GetValueOrDefault(key);

    public void Dispose()
    {
        Catalogs.Dispose();
        Control.Dispose();
        Encryption.Dispose();
    }
}

/// <summary>BackendKeyData: the agent's own, random; the server's is never shown.</summary>
internal readonly record struct PgKey(int Pid, int Secret);
