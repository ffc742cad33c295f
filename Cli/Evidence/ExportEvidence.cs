using System.CommandLine;
using AccessPlane.Cli.Requests;
using AccessPlane.Cli.Sessions;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Evidence;

/// <summary>`evidence export`: of a request, a session or a period, to a file. That it was taken is recorded.</summary>
internal static class ExportEvidence
{
    public static Command Define()
    {
        var request = new Option<string?>("--request") { Description = "A request, its reviews, its grant and all sessions under that", HelpName = "id" };
        var session = new Option<string?>("--session") { Description = "A session", HelpName = "id" };
        var from = new Option<string?>("--from") { Description = "All that began from then on", HelpName = "time" };
        var to = new Option<string?>("--to") { Description = "... until then", HelpName = "time" };
        var resource = new Option<string?>("--resource") { Description = "... on one resource", HelpName = "id" };
        var output = new Option<string>("--out", "-o") { Description = "The file to write; `.html` for a page to read and to print", HelpName = "file", Required = true }.NotEmpty();
        return Commands.Make("export", "Writes evidence to a file; taking it is recorded", async call =>
        {
            if (new[] { call.Value(request), call.Value(session), call.Value(from) }.Count(v => v is not null) != 1)
            {
                throw new StopException(Exit.Usage, "evidence is of one thing", "give one of `--request`, `--session` and `--from`");
            }
            var path = Limit.Query(
                "/v1/audit/evidence",
                ("request", call.Value(request) is { } r ? (await Named.Of(call, ListRequests.Path, "request", r)).ToString("D") : null),
                ("session", call.Value(session) is { } s ? (await Named.Of(call, ListSessions.Path, "session", s)).ToString("D") : null),
                ("from", Stamp(call.Instant(from))), ("to", Stamp(call.Instant(to))), ("resource", call.Value(resource)));
            var (file, size) = (call.Value(output)!, await Save(call, path, call.Value(output)!));
            call.Screen.Document(new { file, bytes = size });
            call.Screen.Line($"{file}: {Contracts.Words.Count(size, "byte", "bytes")}; `accessplane evidence verify {file}` checks it", "good");
            return Exit.Ok;
        }, request, session, from, to, resource, output);
    }

    /// <summary>What people typed stands in it: for its owner's eyes, until they decide otherwise. A file that is there is whole.</summary>
    private static async Task<long> Save(Call call, string path, string file)
    {
        var part = $"{file}.part";
        try
        {
            File.Delete(part);
            long size;
            await using (var stream = new FileStream(part, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
            {
                await call.Api.Download(path, file.EndsWith(".html", StringComparison.OrdinalIgnoreCase) ? "text/html" : "application/json", stream, call.Cancel);
                size = stream.Length;
            }
            File.Move(part, file, overwrite: true);
            return size;
        }
        catch (Exception bad) when (bad is UnauthorizedAccessException or IOException)
        {
            throw new StopException(Exit.Usage, $"`{file}` cannot be written: {bad.Message}", "name another with `--out`");
        }
        finally
        {
            // of what is in no folder not even that could be said
            if (File.Exists(part))
            {
                File.Delete(part);
            }
        }
    }

    private static string? Stamp(DateTimeOffset? at) => at is { } given ? Times.Stamp(given) : null;
}
