using System.CommandLine;
using System.Text.Json;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using Xunit;

namespace AccessPlane.Tests.Unit.Cli;

public sealed class CommandsTests : IDisposable
{
    private readonly Around around = new();

    public void Dispose() => around.Dispose();

    private static IEnumerable<Command> All(Command command) => command.Subcommands.SelectMany(All).Append(command);

    [Fact]
    public void Every_command_option_and_argument_says_what_it_is_for() => Assert.All(All(Commands.Root()), command =>
    {
        Assert.False(string.IsNullOrWhiteSpace(command.Description), command.Name);
        Assert.All(command.Options, o => Assert.False(string.IsNullOrWhiteSpace(o.Description), $"{command.Name} {o.Name}"));
        Assert.All(command.Arguments, a => Assert.False(string.IsNullOrWhiteSpace(a.Description), $"{command.Name} {a.Name}"));
    });

    [Theory]
    [InlineData("nonsense")]
    [InlineData("approve")]
    [InlineData("grants", "--limit", "0")]
    [InlineData("completion", "powershell")]
    [InlineData("request", "orders-write", "--duration", "soon", "--url", "https://accessplane.example")]
    [InlineData("grants", "--url", "http://accessplane.example")]
    [InlineData("grants", "--url", "nowhere")]
    [InlineData("grants")]
    [InlineData("lock", "--reason", "none of them", "--url", "https://accessplane.example")]
    [InlineData("evidence", "verify")]
    [InlineData("evidence", "verify", "")]
    [InlineData("evidence", "verify", "--checkpoints", "")]
    [InlineData("evidence", "verify", "pack.json", "--key", "sha256:00", "--key", "")]
    [InlineData("evidence", "export", "--session", "00000001", "--out", "")]
    [InlineData("evidence", "export", "--session", "00000001", "-o", "")]
    [InlineData("policy", "validate", "")]
    [InlineData("policy", "diff", "")]
    [InlineData("policy", "what-if", "")]
    [InlineData("policy", "publish", "")]
    [InlineData("connect", "orders", "--client", "")]
    [InlineData("exec", "orders", "--", "")]
    [InlineData("grants", "--url", "")]
    [InlineData("grants", "--token-file", "")]
    public async Task What_cannot_be_meant_ends_with_2_and_says_what_to_do(params string[] arguments)
    {
        around.Variables["HOME"] = "/nonexistent";
        Assert.Equal(Exit.Usage, await around.Run(arguments));
        Assert.StartsWith("error: ", around.Error.ToString(), StringComparison.Ordinal);
        Assert.Equal(2, around.Error.ToString().TrimEnd('\n').Split('\n').Length);
        Assert.Empty(around.Out.ToString());
    }

    [Fact]
    public async Task With_json_a_failure_is_one_document_too()
    {
        around.Variables["HOME"] = "/nonexistent";
        Assert.Equal(Exit.NotSignedIn, await around.Run("grants", "--json", "--url", "https://accessplane.example"));
        var document = JsonSerializer.Deserialize<JsonElement>(around.Out.ToString());
        Assert.Equal(("you are not signed in", Exit.NotSignedIn), (document.GetProperty("error").GetString(), document.GetProperty("exit").GetInt32()));
    }

    /// <summary>`--out=$FILE --json` in a script that has no FILE would make a file of that name.</summary>
    [Theory]
    [InlineData("--out", "evidence", "export", "--from", "1h ago", "--out=", "--json")]
    [InlineData("--out", "evidence", "export", "--from", "1h ago", "-o=", "--json")]
    [InlineData("--token-file", "grants", "--token-file=", "--json")]
    [InlineData("--client", "connect", "orders", "--client=", "--json", "--", "--file=")]
    public async Task What_follows_an_option_without_its_value_is_not_taken_for_it(string option, params string[] arguments)
    {
        Assert.Equal(Exit.Usage, await around.Run(arguments));
        Assert.Equal($"`{option}` is empty", JsonSerializer.Deserialize<JsonElement>(around.Out.ToString()).GetProperty("error").GetString());
        Assert.False(File.Exists("--json"));
    }

    [Fact]
    public async Task Who_is_signed_in_elsewhere_is_not_signed_in_here()
    {
        around.Variables["HOME"] = "/nonexistent";
        around.Variables["ACCESSPLANE_URL"] = "https://accessplane.example";
        Assert.Equal(Exit.NotSignedIn, await around.Run("requests"));
        Assert.Contains("`accessplane login`", around.Error.ToString(), StringComparison.Ordinal);
    }

    /// <summary>A repository may hold a sign-in that leads to its author, and a job that is run in it may have no home.</summary>
    [Fact]
    public async Task Without_a_home_no_sign_in_is_looked_for_in_the_folder_that_one_is_in()
    {
        Assert.Equal(Exit.NotSignedIn, await around.Run("grants"));
        Assert.Contains("HOME is not set", around.Error.ToString(), StringComparison.Ordinal);
    }

    /// <summary>A file may be named that no folder can hold; what is named may be a folder, or hold none of what is looked for.</summary>
    [Theory]
    [InlineData("evidence", "export", "--from", "1h ago", "--out", "/nonexistent/pack.json")]
    [InlineData("evidence", "export", "--from", "1h ago", "--out", "/dev/null/pack.json")]
    [InlineData("evidence", "export", "--from", "1h ago", "--out", "/tmp")]
    [InlineData("policy", "validate", "/nonexistent/policy.yaml")]
    [InlineData("policy", "publish", "/tmp")]
    [InlineData("policy", "diff", " ")]
    [InlineData("grants", "--token-file", "/tmp")]
    public async Task What_cannot_be_read_or_written_ends_with_2(params string[] arguments)
    {
        around.Variables["ACCESSPLANE_TOKEN"] = "of somebody";
        around.Variables["ACCESSPLANE_URL"] = "https://accessplane.example";
        around.Network = new Answering(OneOfEach.To);
        Assert.Equal(Exit.Usage, await around.Run(arguments));
        Assert.StartsWith("error: ", around.Error.ToString(), StringComparison.Ordinal);
        Assert.Contains($"`{arguments[^1]}` cannot be ", around.Error.ToString(), StringComparison.Ordinal);
    }

    /// <summary>Where one last signed in is nothing to a token that was brought along.</summary>
    [Fact]
    public async Task A_token_that_is_brought_goes_where_it_is_told_to_and_nowhere_else()
    {
        around.Variables["ACCESSPLANE_TOKEN"] = "of somebody";
        Assert.Equal(Exit.Usage, await around.Run("grants"));
        Assert.Contains("which control plane?", around.Error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_control_plane_that_does_not_answer_ends_with_6()
    {
        around.Variables["ACCESSPLANE_TOKEN"] = "of somebody";
        Assert.Equal(Exit.Unreachable, await around.Run("grants", "--url", "http://127.0.0.1:1"));
        Assert.Contains("`http://127.0.0.1:1/` cannot be reached", around.Error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_names_every_command()
    {
        Assert.Equal(Exit.Ok, await around.Run("--help"));
        Assert.All(Commands.Root().Subcommands, c => Assert.Contains($"  {c.Name}", around.Out.ToString(), StringComparison.Ordinal));
    }

    /// <summary>Each in its own words: what is typed so far. What the shells make of it is run end to end.</summary>
    [Theory]
    [InlineData("bash", "\"${COMP_LINE:0:COMP_POINT}\"", "complete -o default -F _accessplane accessplane")]
    [InlineData("zsh", "\"${(j: :)${(@)words[1,CURRENT-1]}} $PREFIX\"", "compdef _accessplane accessplane")]
    [InlineData("fish", "(commandline -cp | string collect)", "complete -c accessplane")]
    public async Task Shells_get_a_script_that_asks_what_could_come_next(string shell, string asks, string binds)
    {
        Assert.Equal(Exit.Ok, await around.Run("completion", shell));
        var script = around.Out.ToString();
        Assert.Contains($"accessplane '[suggest]' {asks} 2>/dev/null", script, StringComparison.Ordinal);
        Assert.Contains(script.Split('\n'), line => !line.StartsWith('#') && line.Contains(binds, StringComparison.Ordinal));
    }

    [Fact]
    public void Zsh_finds_its_script_by_the_first_line() => Assert.StartsWith("#compdef accessplane\n", Completion.Scripts["zsh"], StringComparison.Ordinal);
}
