using System.CommandLine;
using System.Text;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Policies;

/// <summary>`policy diff FILE`: what a draft changes, line by line. Ends with 1 where something differs, as diff does.</summary>
internal static class DiffPolicy
{
    private const int Context = 3;

    public static Command Define()
    {
        var file = PolicyCommands.Document();
        var against = new Option<long?>("--against") { Description = "A version; else the one in force", HelpName = "version" };
        return Commands.Make("diff", "What a draft changes, line by line", async call =>
        {
            var current = (await ShowPolicy.Of(call, call.Value(against))).Value;
            var lines = LineDiff.Of(current.Text ?? "", Encoding.UTF8.GetString(PolicyCommands.Read(call.Value(file))));
            var differs = lines.Any(l => l.Kind != ' ');
            call.Screen.Document(new
            {
                against = current.Version,
                differs,
                lines = lines.Where(l => l.Kind != ' ').Select(l => new { change = l.Kind == '+' ? "added" : "removed", line = l.Number, text = l.Text }),
            });
            foreach (var line in differs ? LineDiff.Around(lines, Context) : [])
            {
                call.Screen.Line(line is null ? "..." : $"{line.Kind} {line.Number,4}  {line.Text}", line?.Kind switch { '+' => "good", '-' => "bad", null => "dim", _ => "plain" });
            }
            call.Screen.Say(differs ? $"compared with version {current.Version}" : $"it is version {current.Version}", "dim");
            return differs ? Exit.Refused : Exit.Ok;
        }, file, against);
    }
}
