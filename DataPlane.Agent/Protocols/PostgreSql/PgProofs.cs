using System.Runtime.InteropServices;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// The work that a database asks for before it believes who the agent is. How much it is the database says, within bounds, and a crowd of logins asks for it
/// as often: one at a time, on a thread of its own, so that one that was taken over takes neither the threads that other sessions' bytes pass through nor more
/// than one processor; and of that, where it asks for more than databases do, only what nobody else wants.
/// </summary>
internal sealed partial class PgProofs : IDisposable
{
    /// <summary>PostgreSQL asks for 4,096 unless it is told otherwise.</summary>
    private const int Usual = 16_384;

    private const int ThisThread = 0;
    private const int Last = 19;

    private readonly SemaphoreSlim turn = new(1);

    /// <returns>The client's last message; null when the server's first is not acceptable.</returns>
    public async Task<string?> Final(ScramClient scram, string challenge, CancellationToken cancel)
    {
        await turn.WaitAsync(cancel);
        try
        {
            // what comes behind it does not run on that thread
            return await Task.Factory.StartNew(() => Prove(scram, challenge), cancel, TaskCreationOptions.LongRunning, TaskScheduler.Default)
                .ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        }
        finally
        {
            turn.Release();
        }
    }

    public void Dispose() => turn.Dispose();

    private static string? Prove(ScramClient scram, string challenge)
    {
        if (ScramClient.IterationsOf(challenge) <= Usual)
        {
            return scram.Final(challenge);
        }
        string? final = null;
        // INVARIANT: nothing but this proof happens on it. A thread steps back for ever, and whatever thread it has others work on steps back with it
        var behind = new Thread(() =>
        {
            _ = setpriority(ThisThread, 0, Last); // where it may not, the bound on the work is what is left
            final = scram.Final(challenge);
        });
        behind.Start();
        behind.Join();
        return final;
    }

    /// <summary>Of a process that is 0, Linux changes the calling thread's alone.</summary>
    [LibraryImport("libc")]
    private static partial int setpriority(int which, uint process, int priority);
}
