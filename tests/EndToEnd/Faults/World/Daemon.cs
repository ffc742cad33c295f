using System.Diagnostics;
using System.Globalization;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Faults.World;

/// <summary>A part of the product as a process of its own, that a test kills, stops and starts again. What it writes is in the logs of the run.</summary>
internal sealed class Daemon(string name, string file, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment) : IAsyncDisposable
{
    private Process? process;

    /// <summary>More of its environment, from its next start on.</summary>
    public Dictionary<string, string> Beside { get; } = [];

    public bool Runs => process is { HasExited: false };

    public void Start()
    {
        Assert.False(Runs, $"{name} runs already");
        process?.Dispose();
        EndWhatWasLeft();
        // the shell gives its place to the program: the process is the program's own
        var start = new ProcessStartInfo("bash", ["-c", $"exec \"$@\" >>'{TestWorld.State}/logs/{name}.log' 2>&1 </dev/null", name, file, .. arguments]);
        foreach (var (key, value) in environment.Concat(Beside))
        {
            start.Environment[key] = value;
        }
        process = Process.Start(start)!;
        // as infra keeps its own: where a test run is ended halfway, infra/down ends what it left
        File.WriteAllText(PidFile, string.Create(CultureInfo.InvariantCulture, $"{process.Id} {Begun(process.Id)}\n"));
    }

    /// <summary>Without a word of warning.</summary>
    public async Task Kill()
    {
        if (process is not null && !process.HasExited)
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(20 * Wait.Patience));
        }
        File.Delete(PidFile);
    }

    /// <summary>As a virtual machine that is not given any time: it keeps what it holds and does nothing.</summary>
    public Task Pause() => Signal("STOP");

    public Task Resume() => Signal("CONT");

    public async ValueTask DisposeAsync()
    {
        await Kill();
        process?.Dispose();
    }

    private string PidFile => $"{TestWorld.State}/pids/{name}";

    /// <summary>By a run that was ended halfway: it would answer in the place of ours.</summary>
    private void EndWhatWasLeft()
    {
        if (File.Exists(PidFile) && File.ReadAllText(PidFile).Trim().Split(' ') is [var id, var begun] && File.Exists($"/proc/{id}/stat") &&
            Begun(int.Parse(id, CultureInfo.InvariantCulture)) == begun)
        {
            using var left = Process.GetProcessById(int.Parse(id, CultureInfo.InvariantCulture));
            left.Kill();
            Assert.True(left.WaitForExit(TimeSpan.FromSeconds(20 * Wait.Patience)));
        }
    }

    /// <summary>With its number it names one process for ever.</summary>
    private static string Begun(int id)
    {
        var stat = File.ReadAllText($"/proc/{id}/stat");
        return stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[19];
    }

    private async Task Signal(string signal) =>
        (await Run.ToEnd("kill", [$"-{signal}", process!.Id.ToString(CultureInfo.InvariantCulture)])).Succeeded();
}
