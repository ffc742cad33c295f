using System.CommandLine;
using System.Text.Json;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Policies;

/// <summary>`policy what-if FILE`: what a draft would have ruled otherwise, of everything that was recorded.</summary>
internal static class TryPolicy
{
    private sealed record LineShape(ProgressShape? Progress, ResultShape? Result);

    private sealed record ProgressShape(double Part, long Operations);

    private sealed record ResultShape(long Operations, long Judged, long Changed, IReadOnlyList<ChangeShape> Changes, int ChangesLeftOut);

    private sealed record ChangeShape(string Kind, string Actor, string Rule, string Resource, long Operations, IReadOnlyList<ExampleShape> Examples);

    private sealed record ExampleShape(string Text);

    public static Command Define()
    {
        var file = PolicyCommands.Document();
        var from = new Option<string?>("--from") { Description = "Operations from then on; else of the last 30 days", HelpName = "time" };
        var to = new Option<string?>("--to") { Description = "Operations until then", HelpName = "time" };
        var resource = new Option<string?>("--resource") { Description = "On one resource", HelpName = "id" };
        return Commands.Make("what-if", "What a draft would have ruled otherwise; changes nothing", async call =>
        {
            var path = Limit.Query(
                "/v1/policies/what-if", ("from", Stamp(call.Instant(from))), ("to", Stamp(call.Instant(to))), ("resource", call.Value(resource)));
            var document = PolicyCommands.Read(call.Value(file));
            var raw = await call.Screen.While("trying it on what was recorded", say => Result(call, path, document, say))
                ?? throw new StopException(Exit.Unreachable, "the answer broke off before its result", "try again");
            call.Screen.Document(raw.GetProperty("result"));
            Tell(call, raw.Deserialize<LineShape>(Json.Options)!.Result!);
            return Exit.Ok;
        }, file, from, to, resource);
    }

    private static async Task<JsonElement?> Result(Call call, string path, byte[] document, Action<string> say)
    {
        var told = 0;
        await foreach (var line in call.Api.Lines(HttpMethod.Post, path, document, call.Cancel))
        {
            var raw = JsonSerializer.Deserialize<JsonElement>(line);
            var read = raw.Deserialize<LineShape>(Json.Options)!;
            if (read.Result is not null)
            {
                return raw;
            }
            if (read.Progress is { } progress && (int)(progress.Part * 10) > told)
            {
                told = (int)(progress.Part * 10);
                say($"{told * 10} % of {Words.Count(progress.Operations, "operation", "operations")}");
            }
        }
        return null;
    }

    private static void Tell(Call call, ResultShape result)
    {
        call.Screen.Line($"{Words.Count(result.Operations, "operation", "operations")} were recorded, {result.Judged} judged, {result.Changed} ruled otherwise", result.Changed > 0 ? "wait" : "good");
        call.Screen.Table(["change", "who", "rule", "times", "such as"], result.Changes.Select(c => (Cell[])
            [c.Kind, Printable.Line(c.Actor, 24), c.Rule, $"{c.Operations}", Printable.Line(c.Examples.Select(e => ShownText.Of(e.Text)).FirstOrDefault(), 60)]));
        if (result.ChangesLeftOut > 0)
        {
            call.Screen.Line($"and {result.ChangesLeftOut} kinds of change more");
        }
    }

    private static string? Stamp(DateTimeOffset? at) => at is { } given ? Times.Stamp(given) : null;
}
