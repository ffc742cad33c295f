using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Reflection;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Evidence;

/// <summary>`evidence verify`: offline. It is the verifier of infra/verify-evidence, which uses none of the product's code; it is carried along here and run by Node.</summary>
internal static class VerifyEvidence
{
    private const string Main = "import { main } from \"./verify.mjs\"; process.exitCode = main(process.argv.slice(2));\n";
    private const int Wrong = 1;

    public static Command Define()
    {
        var pack = new Argument<string?>("file") { Description = "What `evidence export` wrote; may be left out with `--checkpoints`", Arity = ArgumentArity.ZeroOrOne }.NotEmpty();
        var checkpoints = new Option<string?>("--checkpoints") { Description = "The directory of the checkpoints' files, or a copy", HelpName = "directory" }.NotEmpty();
        var keys = new Option<string[]>("--key") { Description = "A public key of the control plane that you know: a file, or sha256:FINGERPRINT", HelpName = "key" }.NotEmpty();
        return Commands.Make("verify", "Checks evidence without a server, and names the first thing that is wrong", async call =>
        {
            string[] arguments =
            [
                .. call.Value(pack) is { } file ? (string[])[Path.GetFullPath(file)] : [],
                .. call.Value(checkpoints) is { } directory ? (string[])["--checkpoints", Path.GetFullPath(directory)] : [],
                .. (call.Value(keys) ?? []).SelectMany(k => (string[])["--key", k.StartsWith("sha256:", StringComparison.Ordinal) ? k : Path.GetFullPath(k)]),
            ];
            if (call.Value(pack) is null && call.Value(checkpoints) is null)
            {
                throw new StopException(Exit.Usage, "there is nothing to verify", "name a file, or a directory with `--checkpoints`");
            }
            var (status, said) = await Run(arguments, call.Cancel);
            if (status is not (Exit.Ok or Wrong))
            {
                throw new StopException(Exit.Usage, $"it cannot be told: {string.Join("; ", said)}", "check the names of the files");
            }
            var right = status == Exit.Ok;
            call.Screen.Document(new { right, wrong = right ? null : said[0]["wrong: ".Length..], said });
            foreach (var line in said)
            {
                call.Screen.Line(line, right ? line.StartsWith("note:", StringComparison.Ordinal) ? "wait" : "good" : "bad");
            }
            return right ? Exit.Ok : Exit.Refused;
        }, pack, checkpoints, keys);
    }

    private static async Task<(int Status, IReadOnlyList<string> Said)> Run(string[] arguments, CancellationToken cancel)
    {
        var folder = Directory.CreateTempSubdirectory("accessplane-verify-").FullName; // of this person alone
        try
        {
            foreach (var name in Assembly.GetExecutingAssembly().GetManifestResourceNames().Where(n => n.StartsWith("evidence/", StringComparison.Ordinal)))
            {
                await using var from = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
                await using var to = File.Create(Path.Combine(folder, Path.GetFileName(name)));
                await from.CopyToAsync(to, cancel);
            }
            await File.WriteAllTextAsync(Path.Combine(folder, "main.mjs"), Main, cancel);
            return await Node(folder, arguments, cancel);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<(int, IReadOnlyList<string>)> Node(string folder, string[] arguments, CancellationToken cancel)
    {
        var start = new ProcessStartInfo("node", [Path.Combine(folder, "main.mjs"), .. arguments]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        // what is loaded before it could have it say anything
        start.Environment.Remove("NODE_OPTIONS");
        start.Environment.Remove("NODE_PATH");
        using var process = new Process { StartInfo = start };
        try
        {
            process.Start();
        }
        catch (Win32Exception missing)
        {
            throw new StopException(Exit.NoProgram, $"`node` cannot be started: {missing.Message}", "install Node.js 20 or newer: the verifier is a program of its own for it, which shares nothing with this one");
        }
        var (output, error) = (process.StandardOutput.ReadToEndAsync(cancel), process.StandardError.ReadToEndAsync(cancel));
        await process.WaitForExitAsync(cancel);
        var said = $"{await output}{await error}".Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return (process.ExitCode, said);
    }
}
