using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Requests;

/// <summary>`requests`: those that one may see, or one of them.</summary>
internal static class ListRequests
{
    public const string Path = "/v1/requests";

    public static Command Define()
    {
        var id = new Argument<string?>("request") { Description = "One of them, whole", Arity = ArgumentArity.ZeroOrOne };
        var awaiting = new Option<bool>("--awaiting-me") { Description = "Those that wait for your review" };
        var mine = new Option<bool>("--mine") { Description = "Those that you filed" };
        var state = new Option<string?>("--state") { Description = "Submitted, Approved, Denied, Expired or Cancelled", HelpName = "state" };
        var limit = Limit.Option();
        return Commands.Make("requests", "Requests: yours, and those you may review", async call =>
        {
            if (call.Value(id) is { } text)
            {
                return await One(call, text);
            }
            var answer = await call.Api.List<RequestShape>(
                Limit.Query(Path, ("awaiting", call.Value(awaiting) ? "me" : null), ("mine", call.Value(mine) ? "true" : null), ("state", call.Value(state))),
                call.Value(limit), call.Cancel);
            call.Screen.Document(answer.Raw);
            call.Screen.Table(["id", "state", "entitlement", "who", "what"], answer.Value.Items.Select(r => (Cell[])
                [Named.Short(r.Id), Cell.State(r.State), r.Entitlement, r.Requester.Display, r.State == "Submitted" ? $"for {Words.Of(r.Duration)}, waits for {Says.WaitsFor(r)}, {call.Left(r.ExpiresAt)}" : r.Reason ?? ""]));
            return Exit.Ok;
        }, id, awaiting, mine, state, limit);
    }

    private static async Task<int> One(Call call, string text)
    {
        var answer = await call.Api.Get<RequestShape>($"{Path}/{await Named.Of(call, Path, "request", text):D}", call.Cancel);
        call.Screen.Document(answer.Raw);
        Show(call, answer.Value);
        return Exit.Ok;
    }

    public static void Show(Call call, RequestShape r)
    {
        var screen = call.Screen;
        screen.Line($"request {r.Id:D}");
        screen.Line($"  {Words.Kind(r.State)}{(r.Cause is { } cause ? $": {Printable.Line(cause)}" : "")}", Words.Tone(r.State));
        screen.Line($"  {r.Requester.Display} asks for {r.Entitlement} on {r.Resource} for {Words.Of(r.Duration)}");
        screen.Line($"  reason: {Printable.Line(r.Reason ?? "none")}{(r.Reference is { } reference ? $" ({Printable.Line(reference)})" : "")}");
        if (r.State == "Submitted")
        {
            screen.Line($"  waits for {Says.WaitsFor(r)}; {call.Left(r.ExpiresAt)}");
        }
        foreach (var review in r.Steps.SelectMany(s => s.Reviews))
        {
            var verdict = review.Verdict == Contracts.Events.ReviewVerdict.Approve ? "approved" : "denied";
            screen.Line($"  {review.Reviewer.Display} {verdict}{(review.Lapsed ? " (lapsed)" : "")}{(review.Comment is { } comment ? $": {Printable.Line(comment)}" : "")}");
        }
        if (r.GrantId is { } grant)
        {
            screen.Line($"  grant {grant:D}");
        }
    }
}
