using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using AccessPlane.Agent.Gate;
using AccessPlane.Agent.Protocols.PostgreSql.Logins;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>What all sessions of one listener share.</summary>
internal sealed class PgDoor(
    ListenerConfig config, Gate.Gate gate, RecorderFactory recorders, PgParser parser, PgUpstream upstream, Action<PgCluster> exchanged, TimeProvider time, ILogger log) : IDisposable
{
    /// <summary>From the first byte to the proof of who it is.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private const int RefusalsLoggedEachSecond = 20;

    private readonly LogPace refusals = new(time, RefusalsLoggedEachSecond);
    private readonly ConcurrentDictionary<PgKey, PgSession> sessions = [];

    public string Resource { get; } = config.Resource;

    /// <summary>Of hashes of masked values: one value has one hash in all sessions of the resource at this agent.</summary>
    public byte[] MaskKey { get; } = HMACSHA256.HashData(gate.Masks.Secret, Encoding.UTF8.GetBytes(config.Resource));

    public DoorBounds Bounds { get; } = config.Bounds ?? DoorBounds.Standard;
    public Strangers Strangers { get; } = new(config.Bounds ?? DoorBounds.Standard);
    public Knocks Knocks { get; } = new(config.Bounds ?? DoorBounds.Standard, time);
    public bool TicketsInClear { get; } = config.Tls is not { Required: true };
    public Gate.Gate Gate { get; } = gate;
    public RecorderFactory Recorders { get; } = recorders;
    public PgCatalogs Catalogs { get; } = new(
        upstream, parser, time, log, (database, catalog) => gate.Catalogs.Seen(CatalogNames.Of(config.Resource, database, catalog.Names())), exchanged);
    public PgUpstream Upstream { get; } = upstream;
    public SessionLogins Logins { get; } = new(config.Resource, gate.Masks, upstream, time, log);
    public PgControl Control { get; } = new(upstream, time, log);
    public TimeProvider Time { get; } = time;
    public ILogger Log { get; } = log;
    public PgEncryption Encryption { get; } = new(config.Tls, time);
    public IReadOnlyCollection<PgSession> Sessions => (IReadOnlyCollection<PgSession>)sessions.Values;

    /// <summary>A login came to nothing.</summary>
    public void Refused(IPEndPoint client, string why)
    {
        if (refusals.MaySay())
        {
            PgLog.LoginRefused(Log, client, why);
        }
    }

    public void Opened(PgSession session) => sessions[session.Key] = session;

    public void Closed(PgSession session) => sessions.TryRemove(session.Key, out _);

    /// <summary>Looks at how long things take in every session, and at what was left out of the log.</summary>
    public void Look()
    {
        if (refusals.TakeUnsaid() is > 0 and var more)
        {
            PgLog.MoreLoginsRefused(Log, more);
        }
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
