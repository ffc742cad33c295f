using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Sessions;

/// <summary>`tail`: operations as they happen, a line when one begins and a line when it has ended, until Ctrl-C.</summary>
internal static class Tail
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>A segment may come late: so far back is looked each time, and what was told is not told again.</summary>
    private static readonly TimeSpan Late = TimeSpan.FromSeconds(60);
    private const int MostAtOnce = 1000;

    public static Command Define()
    {
        var resource = new Option<string?>("--resource") { Description = "On one resource", HelpName = "id" };
        var actor = new Option<string?>("--actor") { Description = "Of one actor, by name or `issuer|subject`", HelpName = "actor" };
        var session = new Option<string?>("--session") { Description = "Of one session", HelpName = "id" };
        var since = new Option<string?>("--since") { Description = "Begin earlier: `10m ago`, `14:03`", HelpName = "time" };
        return Commands.Make("tail", "Operations as they happen; with --json a document a line", async call =>
        {
            var id = call.Value(session) is { } text ? (Guid?)await Named.Of(call, ListSessions.Path, "session", text) : null;
            var begin = call.Instant(since) ?? call.Now;
            var told = new Dictionary<(Guid, long), string>();
            call.Screen.Say("operations as they happen; Ctrl-C ends this", "dim");
            try
            {
                for (var from = begin; ; await Task.Delay(Pause, call.Around.Clock, call.Cancel))
                {
                    var path = Limit.Query(
                        "/v1/audit/operations", ("from", Times.Stamp(from)), ("resource", call.Value(resource)), ("actor", call.Value(actor)), ("session", id?.ToString("D")));
                    var found = await call.Api.List<OperationShape>(path, MostAtOnce, call.Cancel);
                    foreach (var (operation, i) in found.Value.Items.Select((o, i) => (o, i)).Reverse())
                    {
                        if (told.GetValueOrDefault((operation.Session, operation.Op)) != operation.Told)
                        {
                            told[(operation.Session, operation.Op)] = operation.Told;
                            Tell(call, operation, found.Raw.GetProperty("items")[i]);
                        }
                    }
                    // what still runs is asked for again, however long ago it began
                    var running = found.Value.Items.Where(o => o.Outcome is null).Select(o => o.At).DefaultIfEmpty(call.Now).Min();
                    var back = call.Now - Late < running ? call.Now - Late : running;
                    from = back > begin ? back : begin;
                }
            }
            catch (OperationCanceledException) when (call.Cancel.IsCancellationRequested)
            {
                return Exit.Ok; // that is how it ends
            }
        }, resource, actor, session, since);
    }

    private static void Tell(Call call, OperationShape operation, System.Text.Json.JsonElement raw)
    {
        call.Screen.DocumentLine(raw);
        call.Screen.Line(Line(operation, call.Around.Zone), Words.Tone(operation.Told));
    }

    public static string Line(OperationShape o, TimeZoneInfo zone)
    {
        var rows = o.Rows is { } count ? $" {Words.Count(count, "row", "rows")}" : "";
        var why = o.Error is { } error ? $"  [{error.Code} {Printable.Line(error.Message, 120)}]" : "";
        return $"{Times.Exact(o.At, zone)}  {Named.Short(o.Session)}  {Printable.Line(o.Actor.Display, 40)}  {o.Resource}  {o.Told}{rows}  {Printable.Line(ShownText.Of(o.Text), 200)}{why}";
    }
}
