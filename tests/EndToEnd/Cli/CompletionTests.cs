using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Cli;

/// <summary>What shells make of the scripts that `accessplane completion` prints: bash and zsh at a terminal, typed to; fish as it answers what it would offer.</summary>
public sealed class CompletionTests : IDisposable
{
    private static readonly (string Typed, string Completed)[] Lines =
    [
        ("accessplane po", "accessplane policy"),
        ("accessplane policy ", "accessplane policy diff publish show validate what-if"),
        ("accessplane requests --json --aw", "accessplane requests --json --awaiting-me"),
        // what stands before it is another command
        ("accessplane policy show; accessplane audit as", "accessplane policy show; accessplane audit as-of"),
        ("accessplane policy validate dr", "accessplane policy validate draft.yaml"),
        ("accessplane policy validate ", "accessplane policy validate draft.yaml older.yaml"),
    ];

    private const string OfOptions = "accessplane request --";

    /// <summary>Puts all that could stand there into the line, and has that shown instead of run. What is shown begins as nothing that is typed does.</summary>
    private const string Keys = "\u001b*\u0001echo \"$((6 * 7)) \u0005\"\n";

    private const string Shown = "42 ";

    private const string ZshSettings =
        "autoload -Uz compinit; compinit -u -D; bindkey -e; zle -C all complete-word _generic; bindkey '\\e*' all; "
        + "zstyle ':completion:all:*' insert yes; zstyle ':completion:all:*' completer _all_matches _complete";

    private const string FishAnswers =
        "for line in $argv; set -l next (complete -C $line | string replace -r '\\t.*' ''); echo 42 (string replace -r '[^ ]*$' '' -- $line)\"$next\"; end";

    private readonly string home = Directory.CreateTempSubdirectory("accessplane-cli").FullName;

    public void Dispose() => Directory.Delete(home, recursive: true);

    [Theory]
    [InlineData("bash", "source _accessplane")]
    [InlineData("zsh", ZshSettings + "; source ./_accessplane")]
    [InlineData("zsh", "fpath=($PWD $fpath); " + ZshSettings)]
    [InlineData("fish", "source _accessplane")]
    public async Task A_shell_completes_commands_options_and_files(string shell, string settings)
    {
        Directory.CreateDirectory($"{home}/documents");
        foreach (var file in (string[])["draft.yaml", "older.yaml"])
        {
            await File.WriteAllTextAsync($"{home}/documents/{file}", "", TestContext.Current.CancellationToken);
        }
        await File.WriteAllTextAsync($"{home}/_accessplane", (await Run.ToEnd(CommandLine.Program, ["completion", shell])).Succeeded().Output, TestContext.Current.CancellationToken);

        settings = $"cd '{home}'; {settings}; cd documents";
        string[] typed = [.. Lines.Select(l => l.Typed), OfOptions];
        var ran = shell == "fish"
            ? await Run.ToEnd("fish", ["-c", $"{settings}; {FishAnswers}", .. typed], Surroundings)
            : await Run.ToEnd(
                "script", ["-qec", shell == "bash" ? "bash --norc --noprofile -i" : "zsh -f -i", "/dev/null"], Surroundings,
                $"{settings}\n{string.Concat(typed.Select(l => l + Keys))}exit\n");
        var completed = ran.Succeeded().Output.Split('\n').Where(l => l.StartsWith(Shown, StringComparison.Ordinal)).Select(l => l[Shown.Length..].Trim()).ToList();

        Assert.True(completed.Count == typed.Length, ran.Output);
        Assert.Equal(Lines.Select(l => l.Completed), completed[..^1]);
        Assert.StartsWith(OfOptions, completed[^1], StringComparison.Ordinal);
        Assert.Contains(" --reason ", completed[^1], StringComparison.Ordinal);
    }

    private Dictionary<string, string> Surroundings => new()
    {
        ["PATH"] = $"{Path.GetDirectoryName(CommandLine.Program)}:{Environment.GetEnvironmentVariable("PATH")}",
        ["HOME"] = home,
        ["XDG_CONFIG_HOME"] = $"{home}/config",
        ["XDG_DATA_HOME"] = $"{home}/data",
        ["INPUTRC"] = "/dev/null",
        ["SHELL"] = "/bin/sh",
        ["TERM"] = "dumb",
    };
}
