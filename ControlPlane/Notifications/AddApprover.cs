using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Keys;
using FluentValidation;
using Microsoft.Extensions.Options;

namespace AccessPlane.ControlPlane.Notifications;

public sealed record ApproverOrder(string Name, IReadOnlyList<string> Groups, Guid Credential, Actor By, bool IsAdmin);

/// <summary>
/// An admin gives an approver's client a broker user of its own: it hears of its groups' requests by its own queue and sends reviews, and can do
/// nothing else. It proves nobody's identity: whose a review is, is told by the token in it.
/// </summary>
public sealed class AddApprover(Handle handle, BrokerAdmin broker, SigningKeys keys, IOptions<BrokerOptions> options, TimeProvider clock)
{
    public static Outcome Decide(Approver state, ApproverOrder order)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(order);
        return order.IsAdmin
            ? Outcome.Of(new ApproverAdded(order.Name, order.Groups, order.Credential, order.By))
            : Outcome.Refuse("admins-only", "adding approvers to the broker is for admins");
    }

    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapPost("/approvers", (ApproverBody body, HttpContext http, AddApprover add, CancellationToken cancel) => add.Add(body, http, cancel))
        .Validate<ApproverBody>()
        .WithName("AddApprover").WithSummary("A broker user for an approver's client; the same name again gets a new password")
        .Produces<AddedApprover>(StatusCodes.Status201Created);

    private async Task<IResult> Add(ApproverBody body, HttpContext http, CancellationToken cancel)
    {
        var (caller, command) = (http.Caller(), http.Command());
        var order = new ApproverOrder(body.Name, body.Groups, Guid.CreateVersion7(clock.GetUtcNow()), caller.Actor, caller.IsAdmin);
        var handled = await handle.Run(
            new Handling<Approver>(
                Ids.Approver(body.Name), Approver.StreamType, Approver.Initial, Approver.Evolve, state => Decide(state, order), command.Context, command.Id,
                command.IfMatch),
            cancel);
        if (handled.Refusal is { } refusal)
        {
            return Problems.Of(refusal);
        }
        if (handled.State is not Approver.Added { Order: var added })
        {
            return Problems.Of("approver-removed", $"the approver `{body.Name}` was added under this idempotency key, and has been removed since: add it anew");
        }
        // the password follows from the event: where the broker was away, the same command again gives the same user
        var password = keys.Derive($"approver\n{added.Name}\n{added.Credential:D}");
        await broker.AddApprover(added.Name, password, added.Groups, cancel);
        return Answers.Created(
            $"/v1/approvers/{added.Name}",
            new AddedApprover(added.Name, options.Value.AgentUri, BrokerAdmin.ApproverUser(added.Name), password, Topology.Approver(added.Name), Topology.Reviews),
            handled.Version);
    }
}

/// <param name="Name">Of the approver's client: lower case letters, digits and dashes, 1 to 63, starting with a letter.</param>
/// <param name="Groups">Whose requests it hears of.</param>
public sealed record ApproverBody(string Name, IReadOnlyList<string> Groups)
{
    public sealed class Rules : AbstractValidator<ApproverBody>
    {
        private const int MostGroups = 100;

        public Rules()
        {
            RuleFor(x => x.Name).Must(Ids.IsName).WithMessage("must be a name: lower case letters, digits and dashes, 1 to 63, starting with a letter");
            RuleFor(x => x.Groups).Must(g => g.Count is > 0 and <= MostGroups).WithMessage($"must be 1 to {MostGroups} groups");
            // a routing key has 255 bytes, and these two characters stand for others in a pattern of them
            RuleForEach(x => x.Groups).Must(g => g is { Length: > 0 and <= 100 } && ReadableText.IsReadable(g) && !g.AsSpan().ContainsAny('*', '#'))
                .WithMessage("must be a group of 1 to 100 readable characters without `*` and `#`");
        }
    }
}

/// <param name="BrokerPassword">Told only here.</param>
/// <param name="Queue">Its notifications wait there. Queues for answers it makes itself: this name and more after a dot.</param>
/// <param name="Exchange">Where its reviews go.</param>
public sealed record AddedApprover(string Name, string BrokerUri, string BrokerUser, string BrokerPassword, string Queue, string Exchange)
{
    // a record prints its members, and a secret has no business in a log
    public override string ToString() => Name;
}
