using System.Net.Sockets;
using System.Security.Authentication;
using AccessPlane.Agent.Recording;
using AccessPlane.Agent.Relay;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// The end of a session. Nothing passes any more from the first moment on, and the client is told so: FATAL, or a reset where it cannot be told.
/// Closing the backend's socket does not stop its work, so that then come: CancelRequest, a short wait for the answer, RST to the backend,
/// pg_terminate_backend if it is still there, the record.
/// </summary>
internal sealed class PgEnding(
    PgDoor door, Wire client, PgBackend backend, PgConversation conversation, Relay.Relay relay, SessionRecorder recorder)
{
    private static readonly TimeSpan BeforeTheBackend = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ForTheAnswer = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan ForTheCancel = TimeSpan.FromMilliseconds(1000);
    private static readonly TimeSpan ForTheFarewell = TimeSpan.FromMilliseconds(200);

    private string? note;

    public async Task Run(RelayEnd end, string? stopped)
    {
        var permit = backend.Permit;
        var (cause, code, message) = end switch
        {
            _ when permit.End is { } ordered => (ordered.Cause, PgError.Ended, ordered.Message),
            RelayEnd.Cut => ("terminated", PgError.Ended, stopped),
            RelayEnd.Killed => ("protocol", PgError.Protocol, conversation.State.Broken),
            RelayEnd.Server => ("upstream", "08006", "the database ended the connection"),
            _ => ("closed", "", null),
        };
        relay.Cut();
        permit.Leave();
        lock (conversation.Guard)
        {
            conversation.State.Holds.Abandon("the end of the session", message is null ? "its session ended" : $"its session ended: {message}");
        }
        var cut = permit.Cut();
        Abandon(end);
        var farewell = SayFarewell(code, message);
        await AllToldAfter(farewell).WaitAsync(BeforeTheBackend, door.Time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (end == RelayEnd.Client && permit.End is null)
        {
            backend.Channel.Wire.Close();
        }
        else
        {
            await StopBackend(end);
        }
        await farewell;
        await relay.Stopped;
        note = stopped ?? (cause is "protocol" or "policy" ? message : note);
        recorder.End(cause, cut, note);
        AgentTrace.Ended(cause);
        PgLog.Ended(door.Log, permit.Session, cause, note);
    }

    public static async Task CancelStatement(PgDoor door, PgBackend backend)
    {
        using var patience = new CancellationTokenSource(ForTheCancel, door.Time);
        try
        {
            await door.Upstream.Cancel(backend, patience.Token);
        }
        catch (Exception failed) when (failed is SocketException or IOException or ObjectDisposedException or AuthenticationException or OperationCanceledException)
        {
            PgLog.NotCancelled(door.Log, backend.Permit.Session, failed);
        }
    }

    private void Abandon(RelayEnd end)
    {
        lock (conversation.Guard)
        {
            // a client that left in order has its answers; what was under way otherwise is not known to have happened, or not to have
            if (end != RelayEnd.ClientVanished)
            {
                conversation.State.Operations.Abandon();
            }
        }
    }

    private async Task StopBackend(RelayEnd end)
    {
        var isGone = end == RelayEnd.Server;
        bool runs;
        lock (conversation.Guard)
        {
            runs = !conversation.IsQuiet;
        }
        if (runs && !isGone)
        {
            await CancelStatement(door, backend);
            if (!relay.ServerIsBlocked)
            {
                await relay.ServerQuiet.WaitAsync(ForTheAnswer, door.Time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        backend.Channel.Wire.Reset();
        if (runs && !isGone)
        {
            note = await door.Control.Terminate(backend);
        }
        if (runs && end == RelayEnd.ClientVanished && backend.Permit.End is null)
        {
            note = note is null ? "its client left while a statement ran" : $"its client left while a statement ran; {note}";
        }
        lock (conversation.Guard)
        {
            conversation.State.Operations.Abandon();
        }
    }

    /// <summary>A hundred backends that exit at once take every processor: whoever is still to be told would wait for them.</summary>
    private async Task AllToldAfter(Task farewell)
    {
        await farewell;
        await backend.Permit.Told();
    }

    /// <summary>A farewell can be read only between two messages; a client in the middle of one, or one that does not read, gets the reset alone.</summary>
    private async Task SayFarewell(string code, string? message)
    {
        if (message is null)
        {
            client.Close();
            return;
        }
        await relay.ClientFree.WaitAsync(ForTheFarewell, door.Time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (relay.ClientIsBlocked || !conversation.ClientIsBetweenMessages)
        {
            client.Reset();
            return;
        }
        try
        {
            await client.Send(PgError.Fatal(code, message)).AsTask().WaitAsync(ForTheFarewell, door.Time);
            client.EndSending();
            client.Close();
        }
        catch (Exception gone) when (gone is SocketException or IOException or ObjectDisposedException or TimeoutException)
        {
            client.Reset();
        }
    }
}
