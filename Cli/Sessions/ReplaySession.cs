using System.CommandLine;
using System.Text.Json;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.Cli.Sessions;

/// <summary>`replay SESSION`: its transcript, entry by entry, and whether it is what its agent signed. That it was read is recorded.</summary>
internal static class ReplaySession
{
    public static Command Define()
    {
        var id = new Argument<string>("session") { Description = "Its id, or the end of it" };
        var pace = new Option<double?>("--pace") { Description = "Play it so many times as fast as it was; else all at once", HelpName = "times" };
        return Commands.Make("replay", "A session's transcript, verified; reading it is recorded", async call =>
        {
            var session = await Named.Of(call, ListSessions.Path, "session", call.Value(id));
            var about = (await call.Api.Get<SessionShape>($"{ListSessions.Path}/{session:D}", call.Cancel)).Value;
            var lines = await All(call, $"{ListSessions.Path}/{session:D}/transcript");
            var check = await Check(call, session, about.Agent, lines);
            await Play(call, lines, call.Value(pace));
            var entries = lines.Select(l => JsonSerializer.Deserialize<JsonElement>(l));
            call.Screen.Document(new { session, agent = about.Agent, entries, verified = check.Wrong is null, ended = check.Ended, wrong = check.Wrong });
            if (check.Wrong is { } wrong)
            {
                throw new StopException(Exit.Refused, $"the transcript is not what its agent signed: {wrong}", "keep it as it is, and tell whoever is responsible for the evidence", null, null, call.Screen.IsJson);
            }
            call.Screen.Line($"{Words.Count(check.Entries, "entry", "entries")} in {Words.Count(check.Segments, "segment", "segments")}: chain and signatures are right{(check.Ended ? "" : "; it has no end yet")}", "good");
            return Exit.Ok;
        }, id, pace);
    }

    private static async Task<List<string>> All(Call call, string path)
    {
        var lines = new List<string>();
        await foreach (var line in call.Api.Lines(HttpMethod.Get, path, null, call.Cancel))
        {
            lines.Add(line);
        }
        return lines;
    }

    private static async Task<TranscriptCheck> Check(Call call, Guid session, string agent, List<string> lines)
    {
        var segments = (await All(call, $"{ListSessions.Path}/{session:D}/segments")).Select(l => JsonSerializer.Deserialize<SealedSegment>(l, Json.Options)!);
        var keys = (await call.Api.Get<AgentsKeyShape>($"/v1/agents/{Uri.EscapeDataString(agent)}", call.Cancel)).Value;
        // segments that came meanwhile are of entries that are not here
        return TranscriptCheck.Of(
            session, lines, [.. segments.Where(s => s.LastSeq <= lines.Count)],
            (keys.Keys?.SelectMany(k => (string[])[k.Previous, k.PublicKey]) ?? []).Append(keys.PublicKey ?? "").Where(k => k.Length > 0).Distinct());
    }

    private static async Task Play(Call call, List<string> lines, double? pace)
    {
        DateTimeOffset? before = null;
        foreach (var entry in lines.Select(l => JsonSerializer.Deserialize<TranscriptEntry>(l, Json.Options)!).Where(_ => !call.Screen.IsJson))
        {
            if (pace > 0 && before is { } at && entry.At > at)
            {
                await Task.Delay((entry.At - at) / pace.Value, call.Around.Clock, call.Cancel);
            }
            before = entry.At;
            if (Told(entry) is { } told)
            {
                call.Screen.Line($"{Times.Exact(entry.At, call.Around.Zone)}  {told}", Words.Tone(entry.Outcome ?? ""));
            }
        }
    }

    /// <summary>What an entry says to people; null for what only rules are about.</summary>
    public static string? Told(TranscriptEntry e) => e.Kind switch
    {
        "start" => $"{e.Start!.Holder.Display} logs in to {Printable.Line(e.Start.Database)} from {e.Start.Client} ({Printable.Line(e.Start.Application, 60)})",
        "statement" => $"{e.Op}> {ShownText.Of(e.Text ?? "")}{(e.Params is { Count: > 0 } given ? $"  -- {string.Join(", ", given.Select(p => ShownText.Of(p.ToString())))}" : "")}{Verdict(e)}",
        "result" => $"{e.Op}< {e.Outcome}{(e.Rows is { } rows ? $", {Words.Count(rows, "row", "rows")}" : "")}{(e.Error is { } error ? $": {error.Code} {Printable.Line(error.Message)}" : "")}",
        "rows" => Rows(e),
        "facts" or "scope" => null,
        "hold" => $"{e.Op}= waits for people (hold {e.Hold:D})",
        "hold-ended" => $"{e.Op}= {e.Outcome}{(e.By is { } by ? $" by {Printable.Line(by)}" : "")}",
        "end" => $"ends: {e.Cause}",
        _ => $"{e.Kind}{(e.Note is { } note ? $": {Printable.Line(note)}" : "")}",
    };

    /// <summary>A line for the columns, one for each row, and what was not kept.</summary>
    private static string Rows(TranscriptEntry e) => string.Join("\n    ",
    [
        $"{e.Op}: {string.Join(" | ", e.Columns?.Select(c => Cell(c.Name)) ?? [])}".TrimEnd(),
        .. e.Values?.Select(row => string.Join(" | ", row.Select(v => Cell(v.ValueKind == JsonValueKind.String ? v.GetString()! : v.GetRawText())))) ?? [],
        .. e.RowsOmitted is { } left ? (string[])[$"({Words.Count(left, "row", "rows")}{(e.Values is null ? "" : " more")}, {Words.Count(e.BytesOmitted ?? 0, "byte", "bytes")}, not kept)"] : [],
    ]);

    private static string Cell(string text) => Printable.Line(ShownText.Of(text), 60);

    private static string Verdict(TranscriptEntry e) => e.Effect is null or Contracts.Policy.Effect.Allow ? ""
        : $"  [{e.Effect.ToString()!.ToLowerInvariant()}: {string.Join("; ", (e.Reasons ?? []).Where(r => !r.Observed).Select(r => Printable.Line(r.Text, 120)))}]";
}
