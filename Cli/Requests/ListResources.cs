using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Requests;

/// <summary>`resources`: what may be asked for, and who approves.</summary>
internal static class ListResources
{
    public static Command Define() => Commands.Make("resources", "What you may ask for, and who approves it", async call =>
    {
        var answer = await call.Api.Get<ResourcesShape>("/v1/resources", call.Cancel);
        call.Screen.Document(answer.Raw);
        call.Screen.Table(["resource", "entitlement", "at most", "approved by"], answer.Value.Items.SelectMany(r => r.Entitlements.Select(e => (Cell[])
            [r.Id, e.Id, Words.Of(e.MaxDuration), e.BreakGlass ? "at once, reviewed afterwards" : e.Automatic ? "at once" : Words.Of(e.Steps)])));
        return Exit.Ok;
    });
}
