using System.Security.Cryptography;
using AccessPlane.Contracts;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.ControlPlane.Http;
using FluentValidation;
using Microsoft.Extensions.Options;

namespace AccessPlane.ControlPlane.Notifications;

/// <summary>
/// An admin gives an approver's client a broker user of its own: it hears of its groups' requests by its own queue and sends reviews, and can do
/// nothing else. It proves nobody's identity: whose a review is, is told by the token in it.
/// </summary>
public sealed partial class AddApprover(BrokerAdmin broker, IOptions<BrokerOptions> options, ILogger<AddApprover> logger)
{
    internal static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/approvers", (ApproverBody body, HttpContext http, AddApprover add, CancellationToken cancel) => add.Add(body, http.Caller(), cancel))
            .Validate<ApproverBody>()
            .WithName("AddApprover").WithSummary("A broker user for an approver's client; the same name again gets a new password")
            .Produces<ApproverAdded>(StatusCodes.Status201Created);
        routes.MapDelete("/approvers/{name}", (string name, HttpContext http, AddApprover add, CancellationToken cancel) => add.Remove(name, http.Caller(), cancel))
            .WithName("RemoveApprover").WithSummary("Takes an approver's broker user away; its connections are closed")
            .Produces(StatusCodes.Status204NoContent);
    }

    private async Task<IResult> Add(ApproverBody body, Caller caller, CancellationToken cancel)
    {
        if (!caller.IsAdmin)
        {
            return Problems.Of("admins-only", "adding approvers to the broker is for admins");
        }
        var password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));
        await broker.AddApprover(body.Name, password, body.Groups, cancel);
        var groups = string.Join(", ", body.Groups);
        LogAdded(caller.Actor.Display, body.Name, groups);
        return Results.Created(
            $"/v1/approvers/{body.Name}",
            new ApproverAdded(body.Name, options.Value.AgentUri, BrokerAdmin.ApproverUser(body.Name), password, Topology.Approver(body.Name), Topology.Reviews));
    }

    private async Task<IResult> Remove(string name, Caller caller, CancellationToken cancel)
    {
        if (!caller.IsAdmin)
        {
            return Problems.Of("admins-only", "removing approvers from the broker is for admins");
        }
        if (!Ids.IsName(name))
        {
            return Problems.Of("no-such-approver", $"`{name}` is not an approver's name");
        }
        await broker.RemoveApprover(name, cancel);
        LogRemoved(caller.Actor.Display, name);
        return Results.NoContent();
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "`{By}` gave the approver `{Name}` a broker user, for the groups {Groups}")]
    private partial void LogAdded(string by, string name, string groups);

    [LoggerMessage(Level = LogLevel.Information, Message = "`{By}` took the broker user of the approver `{Name}` away")]
    private partial void LogRemoved(string by, string name);
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
public sealed record ApproverAdded(string Name, string BrokerUri, string BrokerUser, string BrokerPassword, string Queue, string Exchange)
{
    // a record prints its members, and a secret has no business in a log
    public override string ToString() => Name;
}
