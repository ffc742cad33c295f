using System.Diagnostics;
using System.Text;
using System.Text.Json;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Cli;

/// <summary>How a command ended, and what it wrote where.</summary>
internal sealed record Ended(int Status, string Out, string Error)
{
    public JsonElement Json => JsonSerializer.Deserialize<JsonElement>(Out);

    public Ended With(int status)
    {
        Assert.True(Status == status, $"expected {status}, it ended with {Status}:\n{Out}\n{Error}");
        return this;
    }
}

/// <summary>The program as a process of its own, as somebody with a folder for their configuration.</summary>
internal sealed class CommandLine : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private readonly Process process;
    private readonly StringBuilder output = new();
    private readonly StringBuilder error = new();
    private readonly Task read;

    private CommandLine(ProcessStartInfo start)
    {
        process = Process.Start(start)!;
        process.StandardInput.Close();
        read = Task.WhenAll(Read(process.StandardOutput, output), Read(process.StandardError, error));
    }

    /// <summary>The single file that infra/publish made where infra/test has had it publish, or what was built.</summary>
    public static string Program => Environment.GetEnvironmentVariable("ACCESSPLANE_PUBLISHED") is { Length: > 0 } published
        ? $"{published}/cli/accessplane"
        : $"{TestWorld.Root}/artifacts/bin/AccessPlane.Cli/debug/accessplane";

    public string Output => Text(output);

    public string Error => Text(error);

    /// <param name="home">The folder of the configuration.</param>
    /// <param name="token">In the environment; null where the sign-in is meant.</param>
    public static CommandLine Start(TestWorld world, string home, string? token, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(Program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = home,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach (var (name, value) in new Dictionary<string, string?>
        {
            ["ACCESSPLANE_URL"] = world.Url,
            ["ACCESSPLANE_TOKEN"] = token,
            ["XDG_CONFIG_HOME"] = $"{home}/config",
            ["HOME"] = home,
            ["TZ"] = "UTC",
            // the test's own: a stock psql starts without anybody's settings
            ["PSQLRC"] = "/dev/null",
        })
        {
            start.Environment[name] = value;
        }
        return new CommandLine(start);
    }

    /// <summary>Runs it to its end as one of the demo's people, with a token in the environment.</summary>
    public static async Task<Ended> As(TestWorld world, string who, params IEnumerable<string> arguments)
    {
        var home = Directory.CreateTempSubdirectory("accessplane-cli").FullName;
        try
        {
            await using var started = Start(world, home, await world.Api.Token(who), arguments);
            return await started.End();
        }
        finally
        {
            Directory.Delete(home, recursive: true);
        }
    }

    /// <summary>Until it has written this on its error stream.</summary>
    public Task Says(string text) => Wait.Until(() => Error.Contains(text, StringComparison.Ordinal), 60, () => $"`{text}` did not come; what came:\n{Error}");

    /// <summary>As the terminal does on Ctrl-C; with `TERM` as whoever stops a job.</summary>
    public async Task Interrupt(string signal = "INT") => (await Run.ToEnd("kill", ["-s", signal, $"{process.Id}"])).Succeeded();

    public async Task<Ended> End()
    {
        using var late = new CancellationTokenSource(Patience);
        await process.WaitForExitAsync(late.Token);
        await read.WaitAsync(late.Token);
        return new Ended(process.ExitCode, Output, Error);
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

    private static string Text(StringBuilder written)
    {
        lock (written)
        {
            return written.ToString();
        }
    }

    private static async Task Read(StreamReader from, StringBuilder into)
    {
        while (await from.ReadLineAsync() is { } line)
        {
            lock (into)
            {
                into.Append(line).Append('\n');
            }
        }
    }
}
