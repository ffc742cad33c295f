using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Holds;

/// <summary>`holds show HOLD`: all of it, as somebody must see it who answers for it.</summary>
internal static class ShowHold
{
    public static Command Define()
    {
        var id = new Argument<string>("hold") { Description = "Its id, or the end of it" };
        return Commands.Make("show", "One of them, whole", async call =>
        {
            var answer = await call.Api.Get<HoldShape>($"{ListHolds.Path}/{await Named.Of(call, ListHolds.Path, "hold", call.Value(id)):D}", call.Cancel);
            call.Screen.Document(answer.Raw);
            Tell(call, answer.Value);
            return Exit.Ok;
        }, id);
    }

    public static void Tell(Call call, HoldShape h)
    {
        var screen = call.Screen;
        screen.Line($"hold {h.Id:D}");
        screen.Line($"  {Words.Kind(h.State)}{(h.EndedBy is { } by ? $" by {Printable.Line(by)}" : "")}{(h.Cause is { } cause ? $": {Printable.Line(cause)}" : "")}", Words.Tone(h.State));
        screen.Line($"  {h.Holder.Display} in {Printable.Line(h.Database)} on {h.Resource}, session {Named.Short(h.Session)}");
        screen.Line($"  rule {h.Rule}: {string.Join("; ", h.Reasons.Select(r => Printable.Line(r.Text)))}");
        screen.Line($"  risk {h.Risk} of 100{(h.Rows is { } rows ? $", about {Words.Count(rows, "row", "rows")}" : "")}");
        if (h.State == "Waiting")
        {
            screen.Line($"  waits for {h.Count} of {Words.Of(h.From)}; {call.Left(h.ExpiresAt)}");
        }
        foreach (var review in h.Reviews)
        {
            screen.Line($"  {review.Reviewer.Display}: {review.Verdict.ToString().ToLowerInvariant()}{(review.Comment is { } comment ? $", {Printable.Line(comment)}" : "")}");
        }
        screen.Line("");
        screen.Line(h.Text);
    }
}
