using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

public sealed class KilledWriterTests : IDisposable
{
    private const string Role = "ACCESSPLANE_TEST_WRITER_STATE";
    private readonly StateFolder state = new();

    public void Dispose() => state.Dispose();

    /// <summary>The child: this same executable, told by its environment to record for ever and to say which operations it was promised.</summary>
#pragma warning disable CA2255 // the test executable's entry point is generated: this is the one place before it
    [ModuleInitializer]
    internal static void RecordForEver()
#pragma warning restore CA2255
    {
        if (Environment.GetEnvironmentVariable(Role) is not { } folder)
        {
            return;
        }
        var spool = new Spool(folder, SpoolLimits.Standard, ControlPlaneKey.Wrap, TimeProvider.System);
        var session = Guid.CreateVersion7();
        var recorder = spool.Begin(session, number => SpoolTests.Start(session, number), Evidence.Buffered, _ => Environment.Exit(3));
        using var promised = Output.Standard();
        while (true)
        {
            var op = recorder.Statement("simple", "select 'promised'"u8, default, SpoolTests.Select, SpoolTests.Allowed);
            promised.Write(System.Text.Encoding.ASCII.GetBytes(op.ToString(CultureInfo.InvariantCulture) + "\n"));
            recorder.Result(op, new OperationResult("completed", (byte)'I', 1, 1, 1, "SELECT 1"u8, default, default));
        }
    }

    [Fact]
    public async Task Nothing_that_was_promised_is_lost_when_the_process_is_killed()
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        start.Environment[Role] = state.Path;
        start.Environment[ControlPlaneKey.Variable] = ControlPlaneKey.Export();
        using var child = Process.Start(start)!;
        long promised = 0;
        while (promised < 2000)
        {
            promised = long.Parse((await child.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken))!, CultureInfo.InvariantCulture);
        }
        child.Kill();
        while (await child.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            promised = long.TryParse(line, CultureInfo.InvariantCulture, out var op) && op > promised ? op : promised;
        }

        using var spool = new Spool(state.Path, SpoolLimits.Standard, ControlPlaneKey.Wrap, TimeProvider.System);
        Assert.Empty(ControlPlaneKey.Recover(spool));
        spool.Tick();
        var entries = Segment.Lines(spool.Files.Single().Entries())
            .Select(l => System.Text.Json.JsonSerializer.Deserialize<TranscriptEntry>(l, AccessPlane.Contracts.Json.Strict)!).ToList();
        Assert.InRange(entries.Count(e => e.Kind == "statement"), promised, promised + 1);
        Assert.Equal(Enumerable.Range(1, entries.Count), entries.Select(e => (int)e.Seq));
        Assert.Equal(("end", "lost"), (entries[^1].Kind, entries[^1].Cause));
    }
}

file static class Output
{
    /// <summary>The raw descriptor: what is written is out, whatever happens to the process next.</summary>
    public static FileStream Standard() => new(new Microsoft.Win32.SafeHandles.SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
}
