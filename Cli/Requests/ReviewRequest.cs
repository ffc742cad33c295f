using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Requests;

/// <summary>`approve REQUEST` and `deny REQUEST`: one person's verdict.</summary>
internal static class ReviewRequest
{
    public static Command Approve() => Define("approve", "Approves a request, as one of those who may");

    public static Command Deny() => Define("deny", "Denies a request, as one of those who may");

    private static Command Define(string verdict, string what)
    {
        var id = new Argument<string>("request") { Description = "Its id, or the end of it" };
        var comment = new Option<string?>("--comment", "-c") { Description = "For the requester and for auditors", HelpName = "text" };
        return Commands.Make(verdict, what, async call =>
        {
            var request = await Named.Of(call, ListRequests.Path, "request", call.Value(id));
            var seen = await call.Api.Get<RequestShape>($"{ListRequests.Path}/{request:D}", call.Cancel);
            // the verdict is for these terms: whatever changes meanwhile has it refused
            var answer = await call.Api.Post<RequestShape>(
                $"{ListRequests.Path}/{request:D}/reviews", new { verdict, comment = call.Value(comment), expectedVersion = seen.Value.Terms }, call.Cancel);
            call.Screen.Document(answer.Raw);
            var r = answer.Value;
            call.Screen.Line($"{(verdict == "approve" ? "approved" : "denied")}: {r.Entitlement} for {r.Requester.Display}, {Words.Of(r.Duration)}, because: {Printable.Line(r.Reason ?? "no reason given")}");
            call.Screen.Line(r.State == "Submitted" ? $"  it waits for {Says.WaitsFor(r)} yet" : $"  the request is {Words.Kind(r.State)}", Words.Tone(r.State));
            return Exit.Ok;
        }, id, comment);
    }
}
