using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Requests;
using AccessPlane.Cli.Sessions;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Grants;

/// <summary>`reviews show GRANT`, `reviews approve GRANT` and `reviews deny GRANT`: one person looks at what was done, and says whether it was in order.</summary>
internal static class ReviewGlass
{
    public static Command Show()
    {
        var id = Id();
        return Commands.Make("show", "One of them: why the glass was broken, and the sessions under it", async call =>
        {
            var grant = await call.Api.Get<GrantShape>($"{ListGrants.Path}/{await Named.Of(call, ListGrants.Path, "grant", call.Value(id)):D}", call.Cancel);
            var g = grant.Value;
            if (g.Debt?.State == "settled")
            {
                call.Screen.Document(new { grant = grant.Raw });
                Told(call, g, "why, and what was done, is shown to auditors since it was reviewed");
                return Exit.Ok;
            }
            var request = await call.Api.Get<RequestShape>($"{ListRequests.Path}/{g.Request:D}", call.Cancel);
            var sessions = await call.Api.List<SessionShape>($"{ListSessions.Path}?grant={g.Id:D}", Limit.Most, call.Cancel);
            call.Screen.Document(new { grant = grant.Raw, request = request.Raw, sessions = sessions.Raw.GetProperty("items") });
            Told(call, g, $"because: {Printable.Line(request.Value.Reason ?? "no reason given")}");
            call.Screen.Line("");
            // whole: `replay` finds by their ends only sessions of one's own
            call.Screen.Table(["session", "state", "began", "statements", "denied"], sessions.Value.Items.Select(s => (Cell[])
                [s.Id.ToString("D"), Cell.State(s.State), call.At(s.StartedAt), $"{s.Operations}", $"{s.Denied}"]));
            return Exit.Ok;
        }, id);
    }

    private static void Told(Call call, GrantShape g, string why)
    {
        call.Screen.Line($"grant {g.Id:D}");
        call.Screen.Line($"  {g.Holder.Display} broke the glass of {g.Entitlement} on {g.Resource}; it is {Words.Kind(g.State)}", Words.Tone(g.State));
        call.Screen.Line($"  {why}");
        call.Screen.Line($"  review: {ListReviews.Due(call, g.Debt)}{(g.Debt?.Comment is { } comment ? $": {Printable.Line(comment)}" : "")}");
    }

    public static Command Approve() => Verdict("approve", "Says that it was in order");

    public static Command Deny() => Verdict("deny", "Says that it was not: what is left of it ends, and its sessions are cut");

    private static Command Verdict(string verdict, string what)
    {
        var id = Id();
        var comment = new Option<string?>("--comment", "-c") { Description = "For its holder and for auditors", HelpName = "text" };
        return Commands.Make(verdict, what, async call =>
        {
            var grant = await Named.Of(call, $"{ListGrants.Path}?awaiting=me", "grant", call.Value(id));
            var answer = await call.Api.Post<GrantShape>($"{ListGrants.Path}/{grant:D}/reviews", new { verdict, comment = call.Value(comment) }, call.Cancel);
            call.Screen.Document(answer.Raw);
            call.Screen.Line(
                $"reviewed: you {Words.Found(answer.Value.Debt?.Verdict)}, {answer.Value.Entitlement} of {answer.Value.Holder.Display}; it is {Words.Kind(answer.Value.State)}",
                Words.Tone(answer.Value.State));
            return Exit.Ok;
        }, id, comment);
    }

    private static Argument<string> Id() => new("grant") { Description = "Its id, or the end of it" };
}
