using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Grants;

/// <summary>`reviews`: break-glass access that waits for somebody to look at what was done; below it, what is said of one.</summary>
internal static class ListReviews
{
    public static Command Define()
    {
        var limit = Limit.Option();
        var command = Commands.Make("reviews", "Break-glass access that you are to review", async call =>
        {
            var answer = await call.Api.List<GrantShape>(Limit.Query(ListGrants.Path, ("awaiting", "me")), call.Value(limit), call.Cancel);
            call.Screen.Document(answer.Raw);
            call.Screen.Table(["id", "state", "entitlement", "holder", "review"], answer.Value.Items.Select(g => (Cell[])
                [Named.Short(g.Id), Cell.State(g.State), g.Entitlement, g.Holder.Display, Due(call, g.Debt)]));
            return Exit.Ok;
        }, limit);
        command.Subcommands.Add(ReviewGlass.Show());
        command.Subcommands.Add(ReviewGlass.Approve());
        command.Subcommands.Add(ReviewGlass.Deny());
        return command;
    }

    public static string Due(Call call, DebtShape? debt) => debt switch
    {
        null => "",
        { State: "settled" } => $"{debt.Reviewer?.Display} {Words.Found(debt.Verdict)}",
        { State: "defaulted" } => $"overdue since {call.At(debt.ReviewBy)}",
        _ => $"by {call.At(debt.ReviewBy)}, {call.Left(debt.ReviewBy)}",
    };
}
