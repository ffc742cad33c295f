using System.CommandLine;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Shell;

/// <summary>`completion bash|zsh|fish`: a script that has the shell ask this program what could come next.</summary>
internal static class Completion
{
    public static IReadOnlyDictionary<string, string> Scripts { get; } = new Dictionary<string, string>
    {
        ["bash"] = """
            # accessplane completion bash > ~/.local/share/bash-completion/completions/accessplane
            _accessplane() {
              local IFS=$'\n'
              COMPREPLY=($(compgen -W "$(accessplane '[suggest]' "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
            }
            complete -o default -F _accessplane accessplane
            """,
        ["zsh"] = """
            #compdef accessplane
            # accessplane completion zsh > a folder of your $fpath, as _accessplane
            _accessplane() {
              local -a found
              found=(${(f)"$(accessplane '[suggest]' "${(j: :)${(@)words[1,CURRENT-1]}} $PREFIX" 2>/dev/null)"})
              compadd -a found || _files
            }
            # found in $fpath, this is what is called: the first time it has to answer, too
            if [ "$funcstack[1]" = "_accessplane" ]; then _accessplane "$@"; else compdef _accessplane accessplane; fi
            """,
        ["fish"] = """
            # accessplane completion fish > ~/.config/fish/completions/accessplane.fish
            function __accessplane_next
                set -l found (accessplane '[suggest]' (commandline -cp | string collect) 2>/dev/null)
                if set -q found[1]
                    printf '%s\n' $found
                else
                    __fish_complete_path (commandline -ct)
                end
            end
            complete -c accessplane -f -a '(__accessplane_next)'
            """,
    };

    public static Command Define()
    {
        var shell = new Argument<string>("shell") { Description = "bash, zsh or fish" };
        shell.AcceptOnlyFromAmong([.. Scripts.Keys]);
        return Commands.Make("completion", "A script for your shell that completes commands and options", call =>
        {
            var script = Scripts[call.Value(shell)];
            call.Screen.Document(new { shell = call.Value(shell), script });
            call.Screen.Line(script);
            return Task.FromResult(Exit.Ok);
        }, shell);
    }
}
