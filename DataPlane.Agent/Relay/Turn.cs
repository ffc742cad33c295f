using System.Collections.Concurrent;
using System.Net.Sockets;

namespace AccessPlane.Agent.Relay;

/// <summary>
/// Whose turn it is to write to the client: the server's pump, which keeps it from a batch until what it has sent is whole messages, or a word of the
/// agent's own, which may stand only between two messages. Taking and giving back is one interlocked step; nobody waits unless both want to write.
/// </summary>
internal sealed class Turn(Wire client, Cut cut, Lock guard)
{
    private const int Free = 0;
    private const int Taken = 1;

    /// <summary>Few sessions are ever told anything: there is none before the first word.</summary>
    private ConcurrentQueue<byte[]>? words;
    private readonly Signal freed = new();
    private int state = Free;
    private bool isPumps;
    private volatile bool speaking;
    private volatile TaskCompletionSource? spoken;

    /// <summary>Whether a word is being sent; a long one means that the client does not read.</summary>
    public bool IsSpeaking => speaking;

    private bool HasWords => Volatile.Read(ref words) is { IsEmpty: false };

    /// <summary>Completes when no word is being sent.</summary>
    public Task Spoken => spoken?.Task ?? Task.CompletedTask;

    /// <summary>For the pump, before it sends. Called by the pump alone.</summary>
    public ValueTask Take()
    {
        if (isPumps || Interlocked.CompareExchange(ref state, Taken, Free) == Free)
        {
            isPumps = true;
            return default;
        }
        return Wait();
    }

    /// <summary>For the pump, once what it has sent ends where a message ends.</summary>
    public void Give()
    {
        if (!isPumps)
        {
            return;
        }
        isPumps = false;
        Interlocked.Exchange(ref state, Free);
        if (HasWords)
        {
            _ = Speak();
        }
    }

    /// <summary>Whole messages for the client, as soon as nothing else is half said. Returns at once.</summary>
    public void Say(byte[] word)
    {
        LazyInitializer.EnsureInitialized(ref words, () => new ConcurrentQueue<byte[]>()).Enqueue(word);
        _ = Speak();
    }

    private async ValueTask Wait()
    {
        while (Interlocked.CompareExchange(ref state, Taken, Free) != Free)
        {
            await freed.Wait();
        }
        isPumps = true;
    }

    private async Task Speak()
    {
        // INVARIANT: looked at again after the turn was given back, so that no word is left behind by one who came in between
        while (HasWords && Interlocked.CompareExchange(ref state, Taken, Free) == Free)
        {
            var now = spoken = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            try
            {
                while (Begins() && words!.TryDequeue(out var word))
                {
                    await client.Send(word);
                }
            }
            catch (Exception gone) when (gone is SocketException or IOException or ObjectDisposedException)
            {
                words!.Clear(); // the relay hears of it by itself
            }
            finally
            {
                speaking = false;
                now.TrySetResult();
                Interlocked.Exchange(ref state, Free);
                freed.Set();
            }
            if (cut.IsMade)
            {
                return;
            }
        }
    }

    /// <summary>INVARIANT: whoever made the cut sees a word that began before it; none begins after it.</summary>
    private bool Begins()
    {
        lock (guard)
        {
            return speaking = !cut.IsMade;
        }
    }
}
