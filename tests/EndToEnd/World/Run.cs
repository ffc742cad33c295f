using System.Diagnostics;
using System.Text;

namespace AccessPlane.Tests.EndToEnd.World;

/// <summary>How a program ended and what it wrote, both streams in the order in which they came.</summary>
internal sealed record Ran(int Status, string Output)
{
    public Ran Succeeded()
    {
        Assert.True(Status == 0, $"it ended with {Status}:\n{Output}");
        return this;
    }
}

/// <summary>A stock program as a process of its own.</summary>
internal sealed class Run : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);
    private readonly Process process;
    private readonly string said;
    private readonly StringBuilder output = new();
    private readonly TaskCompletionSource outClosed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource errorClosed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Run(string file, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment)
    {
        said = $"what `{Path.GetFileName(file)}` wrote";
        var start = new ProcessStartInfo(file, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = TestWorld.Root,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }
        process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => Take(line.Data, outClosed);
        process.ErrorDataReceived += (_, line) => Take(line.Data, errorClosed);
    }

    public int Id => process.Id;

    public string Output
    {
        get
        {
            lock (output)
            {
                return output.ToString();
            }
        }
    }

    /// <summary>Starts a program that the test talks to.</summary>
    public static Run Start(string file, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var run = new Run(file, arguments, environment);
        run.process.Start();
        run.process.BeginOutputReadLine();
        run.process.BeginErrorReadLine();
        return run;
    }

    /// <summary>Runs a program to its end.</summary>
    public static async Task<Ran> ToEnd(
        string file, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string? input = null)
    {
        await using var run = Start(file, arguments, environment);
        if (input is not null)
        {
            await run.Type(input);
        }
        return await run.End();
    }

    public async Task Type(string text)
    {
        await process.StandardInput.WriteAsync(text.AsMemory(), TestContext.Current.CancellationToken);
        await process.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Until the program has written <paramref name="text"/>.</summary>
    public Task Says(string text, int seconds = 30) =>
        Wait.Until(() => Output.Contains(text, StringComparison.Ordinal), seconds, () => $"`{text}` did not come; what came:\n{Output}");

    /// <summary>Closes its input and waits for its end.</summary>
    public async Task<Ran> End()
    {
        process.StandardInput.Close();
        using var late = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        late.CancelAfter(Patience);
        try
        {
            await process.WaitForExitAsync(late.Token);
            await Task.WhenAll(outClosed.Task, errorClosed.Task).WaitAsync(late.Token);
        }
        catch (OperationCanceledException) when (!TestContext.Current.CancellationToken.IsCancellationRequested)
        {
            Assert.Fail($"{process.StartInfo.FileName} did not end within {Patience.TotalMinutes} minutes; what came:\n{Output}");
        }
        return new Ran(process.ExitCode, Output);
    }

    public ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
        }
        process.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Take(string? line, TaskCompletionSource closed)
    {
        if (line is null)
        {
            closed.TrySetResult();
            return;
        }
        SecretSweep.OfTheRun.Hears(said, line);
        lock (output)
        {
            output.Append(line).Append('\n');
        }
    }
}
