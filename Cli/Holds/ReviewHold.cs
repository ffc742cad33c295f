using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Holds;

/// <summary>`holds release HOLD` and `holds refuse HOLD`: one person's verdict on a statement that waits.</summary>
internal static class ReviewHold
{
    public static Command Release() => Define("release", "approve", "Lets it run, as one of those who may");

    public static Command Refuse() => Define("refuse", "deny", "Has it fail, as one of those who may");

    private static Command Define(string name, string verdict, string what)
    {
        var id = new Argument<string>("hold") { Description = "Its id, or the end of it" };
        var comment = new Option<string?>("--comment", "-c") { Description = "For its holder and for auditors", HelpName = "text" };
        return Commands.Make(name, what, async call =>
        {
            var hold = await Named.Of(call, ListHolds.Path, "hold", call.Value(id));
            var seen = (await call.Api.Get<HoldShape>($"{ListHolds.Path}/{hold:D}", call.Cancel)).Value;
            var answer = await call.Api.Post<HoldShape>(
                $"{ListHolds.Path}/{hold:D}/reviews", new { verdict, comment = call.Value(comment), expectedVersion = seen.Terms }, call.Cancel);
            call.Screen.Document(answer.Raw);
            ShowHold.Tell(call, answer.Value);
            call.Screen.Line(answer.Value.State == "Waiting" ? "your verdict is taken; it waits for more" : $"it is {Words.Kind(answer.Value.State)}", Words.Tone(answer.Value.State));
            return Exit.Ok;
        }, id, comment);
    }
}
