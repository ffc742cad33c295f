using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Sessions;

/// <summary>`sessions`: one's own; for auditors and admins everybody's.</summary>
internal static class ListSessions
{
    public const string Path = "/v1/sessions";

    public static Command Define()
    {
        var open = new Option<bool>("--open") { Description = "Those that go on" };
        var mine = new Option<bool>("--mine") { Description = "Your own" };
        var resource = new Option<string?>("--resource") { Description = "On one resource", HelpName = "id" };
        var limit = Limit.Option();
        return Commands.Make("sessions", "Sessions, the newest first", async call =>
        {
            var answer = await call.Api.List<SessionShape>(
                Limit.Query(Path, ("state", call.Value(open) ? "Open" : null), ("mine", call.Value(mine) ? "true" : null), ("resource", call.Value(resource))), call.Value(limit), call.Cancel);
            call.Screen.Document(answer.Raw);
            call.Screen.Table(["id", "state", "who", "on", "began", "what"], answer.Value.Items.Select(s => (Cell[])
                [Named.Short(s.Id), Cell.State(s.State), Printable.Line(s.Holder.Display, 24), s.Resource, call.At(s.StartedAt), Told(s)]));
            return Exit.Ok;
        }, open, mine, resource, limit);
    }

    private static string Told(SessionShape s) => string.Join(", ", new[]
    {
        Words.Count(s.Operations, "operation", "operations"), s.Denied > 0 ? $"{s.Denied} denied" : null, s.Held > 0 ? $"{s.Held} held" : null,
        s.Cause is null or "closed" ? null : s.Cause,
    }.OfType<string>());
}
