using System.CommandLine;
using System.Text.Json;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Sessions;

/// <summary>`terminate SESSION`: ends one session; its grant lives on.</summary>
internal static class TerminateSession
{
    public static Command Define()
    {
        var id = new Argument<string>("session") { Description = "Its id, or the end of it" };
        var reason = new Option<string>("--reason", "-r") { Description = "For its holder and for auditors", HelpName = "text", DefaultValueFactory = _ => "terminated" };
        return Commands.Make("terminate", "Ends a session; its grant lives on", async call =>
        {
            var session = await Named.Of(call, ListSessions.Path, "session", call.Value(id));
            var answer = await call.Api.Post<JsonElement>($"{ListSessions.Path}/{session:D}/terminate", new { reason = call.Value(reason) }, call.Cancel);
            call.Screen.Document(answer.Raw);
            call.Screen.Line($"session {Named.Short(session)} is being ended", "good");
            return Exit.Ok;
        }, id, reason);
    }
}
