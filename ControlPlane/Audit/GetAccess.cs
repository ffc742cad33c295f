using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Audit;

/// <summary>Who could do what at an instant, and by which grant; with a second instant, what changed between the two.</summary>
public static class GetAccess
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/audit/access", Answer)
        .TakesQuery("resource", "at", "and")
        .WithName("GetAccess").WithSummary("Who could access what at an instant")
        .WithDescription("`at`: the instant (default: now). `resource`: one resource only. `and`: a second instant; the answer then also says what was gained and lost.")
        .Produces<AccessAnswer>();

    private static async Task<IResult> Answer(
        HttpContext http, Rows rows, AccessAsOf access, ReadBarrier barrier, TimeProvider clock, CancellationToken cancel)
    {
        if (!http.Caller().SeesAll())
        {
            return Problems.Of("auditors-only", "the audit of access is for auditors and admins");
        }
        var ask = new ListQuery(http);
        var (at, and, resource) = (ask.Time("at") ?? clock.GetUtcNow(), ask.Time("and"), ask.Text("resource"));
        if (ask.WhyNot() is { } wrong)
        {
            return wrong;
        }
        await barrier.CaughtUp([access], cancel);
        var all = await Everyone(rows, access, resource, cancel);
        var before = AsOf(all, at);
        if (and is not { } second)
        {
            return Results.Ok(new AccessAnswer(at, before));
        }
        var after = AsOf(all, second);
        return Results.Ok(new AccessAnswer(at, before, second, after, Except(after, before), Except(before, after)));
    }

    private static async Task<List<AccessRow>> Everyone(Rows rows, AccessAsOf access, string? resource, CancellationToken cancel)
    {
        var all = new List<AccessRow>();
        var query = new Query(resource is null ? [] : [new Condition("resource = ?", resource)], null, Rows.MaxPage, NewestFirst: false);
        for (string? after = null; ;)
        {
            var page = await rows.List(access, query with { After = after }, cancel);
            all.AddRange(page.Items);
            if ((after = page.Next) is null)
            {
                return all;
            }
        }
    }

    private static List<AccessHeld> AsOf(IEnumerable<AccessRow> all, DateTimeOffset at) =>
        [.. all.Select(row => row.At(at) is { } span
            ? new AccessHeld(row.Holder, row.Resource, row.Entitlement, row.Grant, span.Scope, span.From, span.NotAfter, span.PolicyVersion)
            : null).OfType<AccessHeld>()];

    private static List<AccessHeld> Except(List<AccessHeld> these, List<AccessHeld> those) =>
        [.. these.Where(t => !those.Exists(o => o.Grant == t.Grant && SameScope(o.Scope, t.Scope)))];

    private static bool SameScope(Scope one, Scope other) =>
        one.Databases.SequenceEqual(other.Databases) && one.Statements.SequenceEqual(other.Statements);
}

/// <param name="Gained">Held at `and`, not at `at`.</param>
/// <param name="Lost">Held at `at`, not at `and`.</param>
public sealed record AccessAnswer(
    DateTimeOffset At, IReadOnlyList<AccessHeld> Access, DateTimeOffset? And = null, IReadOnlyList<AccessHeld>? AccessThen = null,
    IReadOnlyList<AccessHeld>? Gained = null, IReadOnlyList<AccessHeld>? Lost = null);

public sealed record AccessHeld(
    Actor Holder, string Resource, string Entitlement, Guid Grant, Scope Scope, DateTimeOffset Since, DateTimeOffset NotAfter, long PolicyVersion);
