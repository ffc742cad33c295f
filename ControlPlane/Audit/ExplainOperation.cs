using System.Globalization;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Audit;

/// <summary>Why one operation was ruled upon as it was, for its holder and for auditors.</summary>
public sealed class ExplainOperation(
    Rows rows, Operations operations, Projections.Sessions sessions, RulingBases bases, PolicyVersions policies, ReadBarrier barrier, SearchesAreRecorded recorded)
{
    public static void Map(IEndpointRouteBuilder routes) => routes
        .MapGet(
            "/audit/operations/{session:guid}/{op:long}/explanation",
            (Guid session, long op, HttpContext http, ExplainOperation explain, CancellationToken cancel) => explain.Answer(session, op, http, cancel))
        .WithName("ExplainOperation").WithSummary("Why an operation was ruled upon as it was")
        .WithDescription(
            "Asks the evaluator again, with the facts, the scope and the policy version that were recorded with the operation, and says whether it agrees with the " +
            "record: every rule that matched, the risk and its parts, what was demanded. `basis` is `policy`, `session` where no rule was asked (the grant had ended, " +
            "or the message could not be a statement), or `not-kept`. Auditors see all, everyone else their own.")
        .Produces<Explanation>();

    private async Task<IResult> Answer(Guid session, long op, HttpContext http, CancellationToken cancel)
    {
        var caller = http.Caller();
        await barrier.CaughtUp([sessions, operations, bases], cancel);
        if (await rows.Find(sessions, session.ToString("D"), cancel) is not { } row || !caller.Sees(row.Holder) ||
            await rows.Find(operations, Operations.Key(session, op), cancel) is not { } operation)
        {
            return Problems.Of("no-such-operation", "there is no such operation");
        }
        if (caller.SeesAll())
        {
            // its text is in the answer
            await recorded.Record(http, new Dictionary<string, string> { ["session"] = $"{session:D}", ["op"] = op.ToString(CultureInfo.InvariantCulture) }, cancel);
        }
        return Results.Ok(await Of(row, operation, cancel));
    }

    private async Task<Explanation> Of(SessionRow session, OperationRow operation, CancellationToken cancel)
    {
        var recorded = new RecordedRuling(operation.Verdict, operation.Reasons ?? []);
        var explanation = new Explanation(operation.Session, operation.Op, operation.Text, operation.Policy, "session", recorded);
        if (operation is not { FactsHash: { } factsHash, ScopeHash: { } scopeHash, InTransaction: { } inTransaction })
        {
            return explanation;
        }
        var facts = (await rows.Find(bases, factsHash, cancel))?.StatementFacts();
        var scope = (await rows.Find(bases, scopeHash, cancel))?.Scope;
        var policy = await policies.Find(operation.Policy, cancel);
        if (facts is null || scope is null || policy is null)
        {
            return explanation with { Basis = "not-kept" };
        }
        var context = new OperationContext(session.Resource, session.Holder, session.Entitlement, scope, inTransaction);
        var ruling = Evaluator.Judge(facts, context, policy);
        var further = Explanation.Compare(recorded, ruling);
        return explanation with
        {
            Basis = "policy",
            Judged = JudgedRuling.Of(ruling, facts),
            Further = further is [] ? null : further,
            Agrees = further is not null,
            Facts = facts,
            Scope = scope,
            InTransaction = inTransaction,
        };
    }
}
