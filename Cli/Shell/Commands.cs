using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using AccessPlane.Cli.Access;
using AccessPlane.Cli.Agents;
using AccessPlane.Cli.Audit;
using AccessPlane.Cli.Evidence;
using AccessPlane.Cli.Grants;
using AccessPlane.Cli.Holds;
using AccessPlane.Cli.Locks;
using AccessPlane.Cli.Policies;
using AccessPlane.Cli.Requests;
using AccessPlane.Cli.Sessions;
using AccessPlane.Cli.SignIn;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Shell;

/// <summary>What the program can be told, one line each, and how every command ends.</summary>
internal static class Commands
{
    public static readonly Option<bool> Json = new("--json") { Description = "One JSON document on the output, words on the error stream", Recursive = true, Arity = ArgumentArity.Zero };
    public static readonly Option<string?> Url = new("--url") { Description = "The control plane (else ACCESSPLANE_URL, else where you are signed in)", HelpName = "address", Recursive = true };
    public static readonly Option<string?> TokenFile = new Option<string?>("--token-file") { Description = "A file with an access token (else ACCESSPLANE_TOKEN, else your sign-in)", HelpName = "file", Recursive = true }.NotEmpty();

    public static RootCommand Root()
    {
        var root = new RootCommand($"Just-in-time access to databases.\n\n{Exit.Help}")
        {
            Json, Url, TokenFile,
            Login.Define(), Logout.Define(),
            ListResources.Define(), SubmitRequest.Define(), ListRequests.Define(), ReviewRequest.Approve(), ReviewRequest.Deny(), CancelRequest.Define(),
            Connect.Define(), Exec.Define(),
            ListGrants.Define(), ListReviews.Define(), RevokeGrant.Define(), SurrenderGrant.Define(),
            ListSessions.Define(), TerminateSession.Define(), Tail.Define(), ReplaySession.Define(),
            ListHolds.Define(),
            PlaceLock.Define(), LiftLock.Define(), ListLocks.Define(),
            PolicyCommands.Define(), AuditCommands.Define(), EvidenceCommands.Define(), EnrollAgent.Define(),
            Completion.Define(),
        };
        foreach (var help in root.Options.OfType<HelpOption>())
        {
            // others that it comes with begin with a slash, as paths do
            help.Aliases.Clear();
            help.Aliases.Add("-h");
        }
        foreach (var suggest in root.Directives.OfType<SuggestDirective>())
        {
            suggest.Action = new Suggestions(suggest);
        }
        return root;
    }

    /// <summary>Makes a command; whatever ends it early is told here.</summary>
    public static Command Make(string name, string what, Func<Call, Task<int>> run, params IEnumerable<Symbol> takes)
    {
        var command = new Command(name, what);
        foreach (var symbol in takes)
        {
            if (symbol is Option option)
            {
                if (option is Option<bool>)
                {
                    // one that could have a value has nothing completed behind it
                    option.Arity = ArgumentArity.Zero;
                }
                command.Options.Add(option);
            }
            else if (symbol is Argument argument)
            {
                command.Arguments.Add(argument);
            }
        }
        command.SetAction((given, _) => Ended(((Invocation)given.InvocationConfiguration).Around, given, run));
        return command;
    }

    public static async Task<int> Run(string[] args, Surroundings around)
    {
        var given = Root().Parse(Apart(args));
        if (given.Errors.Count > 0 && given.Action is not HelpAction)
        {
            return Misused(given, around);
        }
        return await given.InvokeAsync(new Invocation(around)
        {
            Output = around.Out,
            Error = around.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        });
    }

    /// <summary>`--out=` names nothing, and so does a variable behind it that is not set: what comes next is not meant by it.</summary>
    private static string[] Apart(string[] args)
    {
        var own = Array.IndexOf(args, "--") is >= 0 and var end ? args[..end] : args;
        return [.. own.SelectMany(a => a is ['-', .., '='] && a.IndexOf('=', StringComparison.Ordinal) == a.Length - 1 ? (string[])[a[..^1], ""] : [a]), .. args[own.Length..]];
    }

    private sealed class Invocation(Surroundings around) : InvocationConfiguration
    {
        public Surroundings Around => around;
    }

    private static int Misused(ParseResult given, Surroundings around)
    {
        var names = new List<string>();
        for (SymbolResult? at = given.CommandResult; at is CommandResult { Parent: not null } command; at = at.Parent)
        {
            names.Insert(0, command.Command.Name);
        }
        var stop = new StopException(
            Exit.Usage, string.Join("; ", given.Errors.Select(e => Printable.Line(e.Message.TrimEnd('.').Replace('\'', '`')))),
            $"`accessplane {string.Join(' ', names.Append("--help"))}` says what it takes");
        return Tell(stop, new Screen(around, given.GetValue(Json)));
    }

    private static async Task<int> Ended(Surroundings around, ParseResult given, Func<Call, Task<int>> run)
    {
        using var call = new Call(around, given);
        try
        {
            return await run(call);
        }
        catch (StopException stop)
        {
            return Tell(stop, call.Screen);
        }
        catch (OperationCanceledException) when (call.Cancel.IsCancellationRequested)
        {
            return Tell(new StopException(Exit.Interrupted, "interrupted", null), call.Screen);
        }
    }

    private static int Tell(StopException stop, Screen screen)
    {
        screen.Say($"error: {stop.Message}", "bad");
        if (stop.Next is { } next)
        {
            screen.Say($"  {next}");
        }
        if (!stop.IsDocumented)
        {
            // on one line: it may stand behind documents that are a line each
            screen.DocumentLine(new { error = stop.Message, next = stop.Next, exit = stop.ExitCode, problem = stop.Problem });
        }
        return stop.ExitCode;
    }
}
