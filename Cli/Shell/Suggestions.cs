using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Globalization;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Shell;

/// <summary>`[suggest:AT] LINE`, which the scripts of <see cref="Completion"/> run: what could come next, one to a line. Where that is nothing, shells offer files.</summary>
internal sealed class Suggestions(Directive directive) : SynchronousCommandLineAction
{
    /// <summary>An argument of this name is a file.</summary>
    private const string FileArgument = "file";

    /// <summary>What is being typed is not whole yet.</summary>
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        var line = parseResult.Tokens.LastOrDefault(t => t.Type != TokenType.Directive)?.Value ?? "";
        var typed = parseResult.GetResult(directive)?.Values is [var value, ..] && int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var at) && at < line.Length
            ? line[..at] : line;
        foreach (var next in Next(parseResult.RootCommandResult.Command, typed))
        {
            parseResult.InvocationConfiguration.Output.WriteLine(next);
        }
        return Exit.Ok;
    }

    private static IEnumerable<string> Next(Command root, string typed)
    {
        var word = typed[(typed.LastIndexOf(' ') + 1)..];
        var given = root.Parse(typed);
        // behind it are another program's arguments
        if (given.Tokens.SkipLast(word.Length > 0 ? 1 : 0).Any(t => t.Type == TokenType.DoubleDash))
        {
            return [];
        }
        var found = given.GetCompletions(typed.Length).Select(c => c.InsertText ?? c.Label).Distinct().ToLookup(c => c.StartsWith('-'));
        var (options, others) = (found[true], found[false]);
        if (word.StartsWith('-'))
        {
            return options;
        }
        var wanted = given.CommandResult.Command.Arguments.FirstOrDefault(a => (given.GetResult(a)?.Tokens.Count ?? 0) < a.Arity.MaximumNumberOfValues);
        return word.Length > 0 || others.Any() || wanted?.Name == FileArgument ? others : options;
    }
}
