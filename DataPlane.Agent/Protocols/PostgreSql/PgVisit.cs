using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using AccessPlane.Agent.Gate;
using AccessPlane.Agent.Recording;
using AccessPlane.Agent.Relay;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>One accepted connection, from the first byte: a stranger at the door, a cancel request, or a session.</summary>
internal sealed class PgVisit(PgDoor door, Socket socket)
{
    private readonly IPEndPoint remote = Remote(socket);
    private readonly Wire wire = Wiring.Any().Adopt(socket);
    private bool isStranger;
    private bool isOpen;
    private CancellationTokenRegistration abort;

    public async Task Run(CancellationToken stopping)
    {
        var noPlace = door.Strangers.Enter(remote.Address);
        isStranger = noPlace is null;
        using var deadline = new CancellationTokenSource(PgDoor.Patience, door.Time);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, stopping);
        abort = end.Token.Register(wire.Reset);
        PgChannel? channel = null;
        try
        {
            if ((noPlace ?? door.Knocks.Come(remote.Address)) is { } refused)
            {
                throw new PgStop(PgError.TooMany, refused);
            }
            channel = await door.Encryption.Negotiate(wire, end.Token);
            await Greet(channel, deadline, stopping);
        }
        catch (Exception gone) when (gone is SocketException or IOException or ObjectDisposedException or AuthenticationException or OperationCanceledException)
        {
            door.Refused(remote, deadline.IsCancellationRequested ? "it took too long" : gone.Message);
        }
        catch (PgStop stop)
        {
            if (stop.Code == PgError.AuthorizationFailed)
            {
                door.Knocks.Failed(remote.Address);
            }
            door.Refused(remote, stop.Message);
            await Tell(channel ?? new PgChannel(wire), PgError.Fatal(stop.Code, stop.Message, stop.Hint));
        }
        catch (PgUnreachable unreachable)
        {
            PgLog.Unreachable(door.Log, door.Resource, unreachable);
            await Tell(channel!, PgError.Fatal(unreachable.Code, unreachable.Message, "try again, or tell the operator of this agent"));
        }
        finally
        {
            await abort.DisposeAsync();
            KnownNow();
            channel?.Wire.Dispose();
            wire.Dispose();
        }
    }

    private async Task Greet(PgChannel channel, CancellationTokenSource deadline, CancellationToken stopping)
    {
        var packet = await channel.ReadStartup(PgStartup.Longest);
        switch (BinaryPrimitives.ReadInt32BigEndian(packet.Span))
        {
            case PgStartup.Cancel:
                Cancel(packet.Span);
                return;
            case PgStartup.Ssl or PgStartup.Gss:
                throw new PgStop(PgError.Protocol, "encryption was asked for under encryption");
        }
        var startup = PgStartup.Read(packet.Span);
        if (startup.MustNegotiate)
        {
            await channel.Send(Negotiate(startup.NotSpoken));
        }
        var login = new PgLogin(door, channel, startup, remote.ToString())
        {
            Proven = () =>
            {
                KnownNow();
                deadline.CancelAfter(Timeout.InfiniteTimeSpan);
            },
        };
        var (permit, database) = await LogIn(login, stopping);
        KnownNow();
        deadline.CancelAfter(Timeout.InfiniteTimeSpan);
        try
        {
            await Open(channel, login, permit, startup with { Database = database }, stopping);
        }
        finally
        {
            if (!isOpen)
            {
                door.Gate.NotOpened(permit);
            }
        }
    }

    private async Task<(Permit Permit, string Database)> LogIn(PgLogin login, CancellationToken stopping)
    {
        using var span = AgentTrace.Login(door.Resource);
        try
        {
            var (permit, database) = await login.Run(remote.Address, stopping);
            AgentTrace.Admitted(span, permit);
            return (permit, database);
        }
        catch (Exception refused)
        {
            AgentTrace.Failed(span, refused);
            throw;
        }
    }

    private async Task Open(PgChannel channel, PgLogin login, Permit permit, PgStartup startup, CancellationToken stopping)
    {
        using (permit)
        {
            using var span = AgentTrace.Session(permit);
            using var end = CancellationTokenSource.CreateLinkedTokenSource(permit.Ended, stopping);
            // the database is asked whether it has changed, and dialled as if it had not
            var reading = door.Catalogs.Use(permit.Database, end.Token);
            using var own = await Along(reading, OrEnd(permit, door.Logins.Take(permit, end.Token)));
            Task<PgBackend> Dial(string path) =>
                OrEnd(permit, own.Way(door.Upstream.Dial(permit, channel.Wire.Wiring, own.Credential, startup.Application, startup.Settings, path, end.Token)));
            var likely = own.Views?.SearchPath ?? door.Catalogs.PathOf(permit.Database);
            await using var ahead = likely is null ? null : new PgAhead(Dial(likely));
            using var database = await OrEnd(permit, reading);
            var path = own.Views?.SearchPath ?? database.Database.Known.Catalog.PathSetting ?? "";
            var backend = ahead is not null && likely == path ? await ahead.Take() : await Dial(path);
            using (backend.Channel.Wire)
            {
                var help = await OrEnd(permit, own.Confirm(backend.Cluster));
                await Follow(database.Database, backend, path, own, end.Token);
                using var recorder = await Record(permit, startup, backend, own.Record);
                isOpen = true;
                await login.Accept();
                using var session = new PgSession(door, channel, backend, database.Database, (own.Views, help), recorder, remote.ToString());
                await abort.DisposeAsync(); // from here on nobody is put out without a word
                using var leave = stopping.Register(() => _ = session.Stop("the agent was stopped"));
                await session.Run();
            }
        }
    }

    /// <summary>Between the reading of the catalog and the dialling the address may have come to lead elsewhere.</summary>
    private static async Task Follow(PgDatabase database, PgBackend backend, string path, Logins.PgSessionLogin own, CancellationToken cancel)
    {
        var known = await OrEnd(backend.Permit, database.Follow(backend.Cluster, cancel));
        if (own.Views is null && path != (known.Catalog.PathSetting ?? ""))
        {
            throw new PgStop(PgError.NotReady, PgCluster.Exchanged);
        }
    }

    /// <summary>The first entry may wait for the disk, and where it cannot be written there is no session.</summary>
    private async Task<SessionRecorder> Record(Permit permit, PgStartup startup, PgBackend backend, SessionLogin? own)
    {
        try
        {
            return await Task.Run(() => door.Recorders.Begin(permit, remote.ToString(), startup.Application, backend.Version, own), CancellationToken.None);
        }
        catch (IOException unwritable)
        {
            PgLog.NotRecorded(door.Log, permit.Session, unwritable);
            throw new PgStop(PgError.NoRecord, "the session cannot be recorded at the moment", "try again later");
        }
    }

    /// <summary>Where one of two fails, what the other brings is not needed.</summary>
    private static async Task<T> Along<T, TOther>(Task<TOther> other, Task<T> work)
        where TOther : IDisposable
    {
        try
        {
            return await work;
        }
        catch
        {
            await ((Task)other).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (other.IsCompletedSuccessfully)
            {
                (await other).Dispose();
            }
            throw;
        }
    }

    private static async Task<T> OrEnd<T>(Permit permit, Task<T> work)
    {
        try
        {
            return await work;
        }
        catch (Exception over) when (over is OperationCanceledException or PgUnreachable && permit.End is { } ended)
        {
            throw new PgStop(PgError.Ended, ended.Message);
        }
    }

    /// <summary>Whatever the key, the asker learns nothing: the connection closes.</summary>
    private void Cancel(ReadOnlySpan<byte> packet)
    {
        if (packet.Length == 12)
        {
            var key = new PgKey(BinaryPrimitives.ReadInt32BigEndian(packet[4..]), BinaryPrimitives.ReadInt32BigEndian(packet[8..]));
            door.Find(key)?.CancelStatement();
        }
    }

    private void KnownNow()
    {
        if (isStranger)
        {
            isStranger = false;
            door.Strangers.Leave(remote.Address);
        }
    }

    private static byte[] Negotiate(IReadOnlyList<string> notSpoken)
    {
        byte[] names = notSpoken.Count == 0 ? [] : PgFrame.OfTexts(' ', [.. notSpoken])[PgFrame.Header..];
        byte[] body = [0, 3, 0, 0, 0, 0, 0, 0, .. names];
        BinaryPrimitives.WriteInt32BigEndian(body.AsSpan(4), notSpoken.Count);
        return PgFrame.Of('v', body);
    }

    private static async Task Tell(PgChannel channel, byte[] error)
    {
        try
        {
            await channel.Send(error);
            channel.Wire.EndSending();
        }
        catch (Exception gone) when (gone is SocketException or IOException or ObjectDisposedException)
        {
            return; // it did not wait for the answer
        }
    }

    private static IPEndPoint Remote(Socket socket)
    {
        var remote = (IPEndPoint)socket.RemoteEndPoint!;
        return remote.Address.IsIPv4MappedToIPv6 ? new IPEndPoint(remote.Address.MapToIPv4(), remote.Port) : remote;
    }

    public static PgKey NewKey() => new(RandomNumberGenerator.GetInt32(1, int.MaxValue), BinaryPrimitives.ReadInt32BigEndian(RandomNumberGenerator.GetBytes(4)));
}
