using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Grants;

/// <summary>`grants`: what is in force; with `--all` what was, too.</summary>
internal static class ListGrants
{
    public const string Path = "/v1/grants";

    public static Command Define()
    {
        var all = new Option<bool>("--all") { Description = "Those that are over, too" };
        var mine = new Option<bool>("--mine") { Description = "Those that you hold" };
        var resource = new Option<string?>("--resource") { Description = "On one resource", HelpName = "id" };
        var limit = Limit.Option();
        return Commands.Make("grants", "Grants: yours, and those you may revoke", async call =>
        {
            var answer = await call.Api.List<GrantShape>(Limit.Query(Path, ("mine", call.Value(mine) ? "true" : null), ("resource", call.Value(resource))), call.Value(limit), call.Cancel);
            var shown = answer.Value.Items.Select((grant, i) => (grant, i)).Where(g => call.Value(all) || g.grant.IsOpen).ToList();
            call.Screen.Document(new { items = shown.Select(g => answer.Raw.GetProperty("items")[g.i]), next = answer.Value.Next });
            call.Screen.Table(["id", "state", "entitlement", "holder", "until"], shown.Select(g => (Cell[])
                [Named.Short(g.grant.Id), Cell.State(g.grant.State), g.grant.Entitlement, g.grant.Holder.Display, Until(call, g.grant)]));
            return Exit.Ok;
        }, all, mine, resource, limit);
    }

    private static string Until(Call call, GrantShape grant) => !grant.IsOpen ? grant.Cause ?? ""
        : grant.NotAfter is { } end ? $"{call.At(end)}, {call.Left(end)}" : $"first use by {call.At(grant.ActivateBy)}, {call.Left(grant.ActivateBy)}";
}
