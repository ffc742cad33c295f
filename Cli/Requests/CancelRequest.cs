using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Requests;

/// <summary>`cancel REQUEST`: the requester takes it back.</summary>
internal static class CancelRequest
{
    public static Command Define()
    {
        var id = new Argument<string>("request") { Description = "Its id, or the end of it" };
        return Commands.Make("cancel", "Takes a request of yours back", async call =>
        {
            var request = await Named.Of(call, ListRequests.Path, "request", call.Value(id));
            var answer = await call.Api.Post<RequestShape>($"{ListRequests.Path}/{request:D}/cancel", new { }, call.Cancel);
            call.Screen.Document(answer.Raw);
            call.Screen.Line($"request {Named.Short(request)} is taken back");
            return Exit.Ok;
        }, id);
    }
}
