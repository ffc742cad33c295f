using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using FluentValidation;

namespace AccessPlane.ControlPlane.Resources;

/// <param name="Serving">The agents that serve the resource.</param>
public sealed record MaskingOrder(string Resource, string Database, string Plan, Actor By, bool IsAdmin, IReadOnlyCollection<string> Serving, PolicyModel Policy);

/// <summary>An admin orders the SQL that was shown to be run, by its hash: another one is never run in its place. It is also the admin's consent to the
/// agent's applying by itself whatever later policies and changes of the schema ask for in this database.</summary>
public static class ApplyMasking
{
    public static Outcome Decide(Resource state, MaskingOrder order)
    {
        ArgumentNullException.ThrowIfNull(order);
        if (!order.IsAdmin)
        {
            return Outcome.Refuse("admins-only", "to have the SQL of a plan run is for admins");
        }
        if (state is not Resource.Registered resource || order.Policy.Resource(order.Resource) is not { } terms)
        {
            return Outcome.Refuse("no-such-resource", $"the policy in force names no resource `{order.Resource}`");
        }
        if (terms.Masking != MaskingMode.Server)
        {
            return Outcome.Refuse(
                "masking-by-wire", $"the policy in force leaves the masks of `{order.Resource}` to the agent: publish one with `masking: server` first");
        }
        var found = resource.Masking.FoundBy(order.Serving, order.Database);
        if (found.Count == 0)
        {
            return Outcome.Refuse(
                "nothing-planned", $"no agent of `{order.Resource}` has reported a plan for the database `{order.Database}`: is it alive, and is the name right?");
        }
        if (resource.Masking.Ordered.TryGetValue(order.Database, out var before) && before.Plan == order.Plan && found.All(f => f.Status == MaskingStatus.Ready))
        {
            return Outcome.Nothing; // it came to what was ordered, and what is left to be run is another plan: none
        }
        var meant = found.Where(f => f.Plan == order.Plan).ToList();
        if (meant.Count == 0)
        {
            return Outcome.Refuse(
                "plan-changed", $"this is not the plan that was reported last for `{order.Database}`, which is " +
                    $"{string.Join(" or ", found.Select(f => $"`{f.Plan}`").Distinct())}: look at its SQL, and order that");
        }
        // where it did not come to what was ordered, the same order is another try
        return meant[0].Sql is { Length: > 0 }
            ? Outcome.Of(new ResourceMaskingOrdered(order.Resource, order.Database, order.Plan, order.By))
            : Outcome.Refuse("nothing-planned", $"there is nothing to be run in `{order.Database}`: {Standing(meant[0])}");
    }

    private static string Standing(ResourceMaskingReported found) =>
        found.Status == MaskingStatus.Ready ? "its masks are in force" : found.Reason ?? "its agent gave no reason";

    internal static void Map(IEndpointRouteBuilder routes) => routes.MapPost("/resources/{id}/masking/apply", Handle)
        .Validate<ApplyMaskingBody>()
        .WithName("ApplyMasking").WithSummary("Has the SQL of a plan run in a database, exactly as it was shown")
        .WithDescription(
            "For admins. `plan` is the hash that `GET /v1/resources/{id}/masking` shows with the SQL; where another one was reported since, the order is refused. The " +
            "agents of the resource run it and report how it came out. From then on they apply by themselves what later policies and changes of the schema ask for.")
        .Produces<MaskingView>(StatusCodes.Status202Accepted);

    private static async Task<IResult> Handle(
        string id, ApplyMaskingBody body, Handle handle, AgentStateBuilder agents, HttpContext http, CancellationToken cancel)
    {
        var (caller, command) = (http.Caller(), http.Command());
        var known = await agents.Current(cancel);
        var order = new MaskingOrder(id, body.Database, body.Plan, caller.Actor, caller.IsAdmin, [.. known.Serving(id)], known.Policy.Model);
        var handled = await handle.Run(
            new Handling<Resource>(
                Ids.Resource(id), Resource.StreamType, Resource.Initial, Resource.Evolve, state => Decide(state, order),
                command.Context with { PolicyVersion = known.Policy.Version }, command.Id, command.IfMatch),
            cancel);
        return handled.Refusal is { } refusal ? Problems.Of(refusal) : Results.Accepted($"/v1/resources/{id}/masking", GetMasking.View(id, handled.State, known));
    }
}

/// <param name="Plan">The hash of the SQL that was looked at.</param>
public sealed record ApplyMaskingBody(string Database, string Plan)
{
    public sealed class Rules : AbstractValidator<ApplyMaskingBody>
    {
        private const int HashLength = 64;

        public Rules()
        {
            RuleFor(x => x.Database).NotEmpty().WithMessage("must name a database");
            RuleFor(x => x.Database).Readable(63);
            RuleFor(x => x.Plan).Must(p => p is { Length: HashLength } && p.All(char.IsAsciiHexDigitLower))
                .WithMessage("must be the hash of a plan, 64 lower-case hex digits, as `GET /v1/resources/{id}/masking` shows it");
        }
    }
}
