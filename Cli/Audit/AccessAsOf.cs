using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Audit;

/// <summary>`audit as-of RESOURCE TIME`: who could do what at that instant, and what changed until another.</summary>
internal static class AccessAsOf
{
    public static Command Define()
    {
        var resource = new Argument<string>("resource") { Description = "Which resource" };
        var at = new Argument<string>("time") { Description = "`2026-03-01T14:03:00Z`, `14:03`, `20m ago`, `now`", DefaultValueFactory = _ => "now" };
        var and = new Option<string?>("--and") { Description = "And what changed until then", HelpName = "time" };
        return Commands.Make("as-of", "Who could do what at an instant", async call =>
        {
            var path = Limit.Query(
                "/v1/audit/access", ("resource", call.Value(resource)), ("at", Times.Stamp(call.Instant(call.Value(at), "time"))),
                ("and", call.Instant(and) is { } second ? Times.Stamp(second) : null));
            var answer = await call.Api.Get<AccessShape>(path, call.Cancel);
            call.Screen.Document(answer.Raw);
            call.Screen.Table(["holder", "entitlement", "grant", "until", "may"], answer.Value.Access.Select(h => Row(call, h)));
            Changes(call, "gained", answer.Value.Gained);
            Changes(call, "lost", answer.Value.Lost);
            return Exit.Ok;
        }, resource, at, and);
    }

    private static Cell[] Row(Call call, HeldShape h) => [h.Holder.Display, h.Entitlement, Named.Short(h.Grant), call.At(h.NotAfter), Words.Of(h.Scope)];

    private static void Changes(Call call, string what, IReadOnlyList<HeldShape>? changes)
    {
        if (changes is not null)
        {
            call.Screen.Line($"{what} until then: {(changes.Count == 0 ? "nothing" : string.Join(", ", changes.Select(c => $"{c.Holder.Display} {c.Entitlement} ({Named.Short(c.Grant)})")))}");
        }
    }
}
