using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Access;

/// <summary>Another program under a ticket, with this terminal.</summary>
internal static partial class Started
{
    private const int Terminate = 15;

    /// <param name="outputToError">Its output is not ours: the document of `--json` is.</param>
    /// <returns>How it ended.</returns>
    public static async Task<int> ToEnd(Call call, string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, bool outputToError)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = outputToError };
        foreach (var name in Ticket.Misleading)
        {
            start.Environment.Remove(name);
        }
        // the right to ask for more is not the program's
        start.Environment.Remove(Surroundings.Token);
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }
        using var process = new Process { StartInfo = start };
        // nothing is begun for whoever has left already
        call.Cancel.ThrowIfCancellationRequested();
        try
        {
            process.Start();
        }
        catch (Win32Exception missing)
        {
            throw new StopException(Exit.NoProgram, $"`{program}` cannot be started: {missing.Message}", "install it, or name another; `accessplane connect --print` gives an address for any client", null, missing);
        }
        // Ctrl-C reaches the program by the terminal, and what it means there is its own business; what was sent to us alone is handed on
        using var signals = call.Around.Interrupts.GoTo(signal =>
        {
            if (signal != PosixSignal.SIGINT)
            {
                _ = Send(process.Id, Terminate);
            }
        });
        // what came between its start and this was taken for ours, and will not come again
        await using var early = call.Cancel.Register(() => _ = Send(process.Id, Terminate));
        if (outputToError)
        {
            await Copy(process.StandardOutput, call.Around.Error);
        }
        await process.WaitForExitAsync(CancellationToken.None);
        return process.ExitCode;
    }

    private static async Task Copy(StreamReader from, TextWriter to)
    {
        var buffer = new char[4096];
        for (int read; (read = await from.ReadAsync(buffer)) > 0;)
        {
            await to.WriteAsync(buffer.AsMemory(0, read));
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Send(int process, int signal);
}
