using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Holds;

/// <summary>`holds`: operations that wait for people, or waited; below it what is done with one.</summary>
internal static class ListHolds
{
    public const string Path = "/v1/holds";

    public static Command Define()
    {
        var awaiting = new Option<bool>("--awaiting-me") { Description = "Those that you may decide now" };
        var all = new Option<bool>("--all") { Description = "Those that wait no more, too" };
        var limit = Limit.Option();
        var command = Commands.Make("holds", "Operations that wait, in flight, for people", async call =>
        {
            var answer = await call.Api.List<HoldShape>(
                Limit.Query(Path, ("awaiting", call.Value(awaiting) ? "me" : null), ("state", call.Value(all) ? null : "Waiting")), call.Value(limit), call.Cancel);
            call.Screen.Document(answer.Raw);
            call.Screen.Table(["id", "state", "who", "left", "statement"], answer.Value.Items.Select(h => (Cell[])
                [Named.Short(h.Id), Cell.State(h.State), Printable.Line(h.Holder.Display, 20), h.State == "Waiting" ? call.Left(h.ExpiresAt) : "", Printable.Line(h.Text, 120)]));
            return Exit.Ok;
        }, awaiting, all, limit);
        command.Subcommands.Add(ShowHold.Define());
        command.Subcommands.Add(ReviewHold.Release());
        command.Subcommands.Add(ReviewHold.Refuse());
        return command;
    }
}
