using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Sessions;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Audit;

/// <summary>`audit search`: every operation of every session, by words of the statement and by what it did.</summary>
internal static class SearchOperations
{
    public static Command Define()
    {
        var words = new Argument<string[]>("words") { Description = "Words of the statement: `customers -orders`", Arity = ArgumentArity.ZeroOrMore };
        Option<string?>[] filters =
        [
            Filter("--actor", "Of one actor, by name or `issuer|subject`"), Filter("--resource", "On one resource"), Filter("--verdict", "allow, flag, limit, mask, hold or deny"),
            Filter("--outcome", "completed, failed, refused, cancelled..."), Filter("--rule", "That a rule matched"), Filter("--relation", "That read or wrote a table: `shop.customers`"),
        ];
        var session = Filter("--session", "Of one session");
        var from = Filter("--from", "From then on: `2026-03-01T14:03:00Z`, `14:03`, `20m ago`");
        var until = Filter("--until", "Before then");
        var limit = Limit.Option();
        return Commands.Make("search", "Operations, the newest first", async call =>
        {
            var id = call.Value(session) is { } text ? (Guid?)await Named.Of(call, ListSessions.Path, "session", text) : null;
            var path = Limit.Query("/v1/audit/operations", [
                ("text", call.Value(words) is { Length: > 0 } given ? string.Join(' ', given) : null), ("session", id?.ToString("D")),
                ("from", Stamp(call.Instant(from))), ("until", Stamp(call.Instant(until))), .. filters.Select(f => (f.Name[2..], call.Value(f)))]);
            var found = await call.Api.List<OperationShape>(path, call.Value(limit), call.Cancel);
            call.Screen.Document(found.Raw);
            call.Screen.Table(["at", "session", "who", "verdict", "statement"], found.Value.Items.Select(o => (Cell[])
                [call.At(o.At), Named.Short(o.Session), Printable.Line(o.Actor.Display, 16), new Cell(o.Told, Words.Tone(o.Told)), Printable.Line(ShownText.Of(o.Text), 160)]));
            if (found.Value.Next is not null)
            {
                call.Screen.Say("there are more: `--limit` shows them", "dim");
            }
            return Exit.Ok;
        }, [words, .. filters, session, from, until, limit]);
    }

    private static Option<string?> Filter(string name, string what) => new(name) { Description = what, HelpName = name[2..] };

    private static string? Stamp(DateTimeOffset? at) => at is { } given ? Times.Stamp(given) : null;
}
