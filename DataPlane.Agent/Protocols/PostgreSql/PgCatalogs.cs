using System.Collections.Concurrent;
using System.Net.Sockets;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>The catalogs of a listener's databases: read when the first session of a database begins, and again when they may have changed.</summary>
internal sealed class PgCatalogs(PgUpstream upstream, PgParser parser, TimeProvider time, ILogger log, Action<string, PgCatalog> seen, Action<PgCluster> exchanged) : IDisposable
{
    /// <summary>Changes that no session of this agent made are seen after this long.</summary>
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, PgDatabase> databases = [];

    /// <summary>A database with its catalog. Dispose of what is returned when the session ends.</summary>
    /// <exception cref="PgStop">It cannot be read: without it no statement can be judged.</exception>
    public async Task<PgDatabaseUse> Use(string name, CancellationToken cancel)
    {
        var database = databases.GetOrAdd(name, n => new PgDatabase(n, c => upstream.Own(n, c), parser, time, log, seen, exchanged));
        var use = database.Use(Every);
        try
        {
            await database.Load(cancel);
            return use;
        }
        catch (Exception unreadable) when (unreadable is IOException or SocketException or ObjectDisposedException)
        {
            use.Dispose();
            PgLog.NoCatalog(log, name, unreadable);
            throw new PgStop(PgError.NoRecord, "the database's catalog cannot be read, and without it no statement can be judged", "try again, or tell the operator of this agent");
        }
        catch
        {
            use.Dispose();
            throw;
        }
    }

    /// <summary>The search path of a database's logins as it was last known; null where that was never read.</summary>
    public string? PathOf(string name) => databases.TryGetValue(name, out var database) ? database.LastPath : null;

    public void Dispose()
    {
        foreach (var database in databases.Values)
        {
            database.Dispose();
        }
    }
}

/// <summary>A session's share in a database: it is kept up to date while there are such.</summary>
internal sealed class PgDatabaseUse(PgDatabase database, Action leave) : IDisposable
{
    private Action? leave = leave;

    public PgDatabase Database { get; } = database;

    public void Dispose() => Interlocked.Exchange(ref leave, null)?.Invoke();
}

/// <summary>One database as it is known now.</summary>
internal sealed class PgDatabase : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly string name;
    private readonly Func<CancellationToken, Task<PgQueries>>? dial;
    private readonly PgParser? parser;
    private readonly TimeProvider time;
    private readonly ILogger? log;
    private readonly Action<string, PgCatalog>? seen;
    private readonly Action<PgCluster>? exchanged;
    private readonly SemaphoreSlim turn = new(1);
    private readonly Lock guard = new();
    private readonly ITimer? timer;
    private volatile PgKnowledge? known;
    private PgQueries? connection;
    private volatile PgCluster? cluster;
    private string fingerprint = "";
    private long asked;
    private long answered;
    private int users;
    private TimeSpan every;

    public PgDatabase(string name, Func<CancellationToken, Task<PgQueries>> dial, PgParser parser, TimeProvider time, ILogger log, Action<string, PgCatalog> seen, Action<PgCluster> exchanged)
    {
        (this.name, this.dial, this.parser, this.time, this.log, this.seen, this.exchanged) = (name, dial, parser, time, log, seen, exchanged);
        timer = time.CreateTimer(_ => Tick(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>One that never changes.</summary>
    public PgDatabase(PgKnowledge knowledge)
    {
        (name, time, known) = ("", TimeProvider.System, knowledge);
    }

    /// <summary>As it was last read; null before.</summary>
    public string? LastPath => known?.Catalog.PathSetting;

    /// <summary>Whose catalog it is; null where that is not known.</summary>
    public PgCluster? Cluster => cluster;

    /// <summary>What is known of texts now. INVARIANT: another catalog is another object.</summary>
    public PgKnowledge Known => known ?? throw new InvalidOperationException("the catalog has not been read");

    public PgDatabaseUse Use(TimeSpan refreshed)
    {
        lock (guard)
        {
            every = refreshed;
            if (users++ == 0)
            {
                timer?.Change(every, every);
            }
        }
        return new PgDatabaseUse(this, Leave);
    }

    private void Leave()
    {
        lock (guard)
        {
            if (--users == 0)
            {
                timer?.Change(every, Timeout.InfiniteTimeSpan); // the next session may come soon, and need not wait for a new connection
            }
        }
    }

    private void Tick()
    {
        if (Volatile.Read(ref users) > 0)
        {
            Touch();
        }
        else
        {
            _ = CloseWhenIdle();
        }
    }

    /// <summary>Reads the catalog if it was never read, or may be old because nobody was there to see it change.</summary>
    public async Task Load(CancellationToken cancel)
    {
        bool alone;
        lock (guard)
        {
            alone = users == 1;
        }
        if (known is null || alone)
        {
            await Refresh(cancel);
        }
    }

    /// <summary>Returns when what is known is no older than this call.</summary>
    public async Task Refresh(CancellationToken cancel)
    {
        if (dial is null)
        {
            return;
        }
        var mine = Interlocked.Increment(ref asked);
        await turn.WaitAsync(cancel);
        try
        {
            if (Interlocked.Read(ref answered) < mine)
            {
                var covers = Interlocked.Read(ref asked);
                await Read(cancel);
                Interlocked.Exchange(ref answered, covers);
            }
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>A session was opened at that server. INVARIANT: no statement is judged by the catalog of another one, which an open connection may still lead to.</summary>
    /// <exception cref="PgStop">The address leads to one here and to another one there.</exception>
    /// <returns>What is known there.</returns>
    public async Task<PgKnowledge> Follow(PgCluster? session, CancellationToken cancel)
    {
        if (session is null || cluster is null || session == cluster)
        {
            return Known;
        }
        await turn.WaitAsync(cancel);
        try
        {
            if (session != cluster)
            {
                Close();
                await Read(cancel);
            }
        }
        finally
        {
            turn.Release();
        }
        if (PgCluster.AreStrangers(session, cluster))
        {
            throw new PgStop(PgError.NotReady, PgCluster.Exchanged);
        }
        return Known;
    }

    /// <summary>It may have changed; nobody waits.</summary>
    public void Touch() => _ = RefreshQuietly();

    private async Task RefreshQuietly()
    {
        try
        {
            await Refresh(CancellationToken.None);
        }
        catch (Exception failed) when (failed is IOException or SocketException or ObjectDisposedException or OperationCanceledException or PgStop or PgUnreachable)
        {
            PgLog.NoCatalog(log!, name, failed); // what is known stays; statements that may have changed it wait for a refresh of their own
        }
    }

    private async Task Read(CancellationToken cancel)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancel, patience.Token);
        var isOld = connection is not null;
        try
        {
            await ReadOnce(both.Token);
        }
        catch (Exception gone) when (isOld && gone is IOException or SocketException or ObjectDisposedException && !both.IsCancellationRequested)
        {
            await ReadOnce(both.Token); // a connection that was kept may have gone
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new IOException("reading the catalog took too long");
        }
    }

    private async Task ReadOnce(CancellationToken cancel)
    {
        try
        {
            connection ??= await dial!(cancel);
            var before = cluster;
            cluster = connection.Cluster ?? before;
            if (PgCluster.AreStrangers(before, cluster))
            {
                fingerprint = ""; // two databases that were made by the same steps may look alike
                exchanged!(cluster!);
            }
            var now = await PgCatalogReader.Fingerprint(connection, cancel);
            if (known is not null && now == fingerprint)
            {
                return;
            }
            var catalog = await PgCatalogReader.Read(connection, cancel);
            known = new PgKnowledge(catalog, parser!) { Fingerprint = now.Split(' ')[0] };
            fingerprint = now;
            seen!(name, catalog);
        }
        catch
        {
            Close();
            throw;
        }
    }

    private async Task CloseWhenIdle()
    {
        await turn.WaitAsync();
        try
        {
            if (Volatile.Read(ref users) == 0)
            {
                Close();
            }
        }
        finally
        {
            turn.Release();
        }
    }

    private void Close()
    {
        connection?.Dispose();
        connection = null;
    }

    public void Dispose()
    {
        timer?.Dispose();
        Close();
    }
}
