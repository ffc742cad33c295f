using System.CommandLine;
using AccessPlane.Cli.Access;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Requests;

/// <summary>`request ENTITLEMENT`: asks for access.</summary>
internal static class SubmitRequest
{
    public static Command Define()
    {
        var entitlement = new Argument<string>("entitlement") { Description = "What is asked for: `accessplane resources` lists it" };
        var wait = new Option<bool>("--wait") { Description = "Wait until it is decided; Ctrl-C withdraws it" };
        var terms = new Terms();
        return Commands.Make("request", "Asks for access", async call =>
        {
            var request = call.Value(wait) || call.Value(terms.Within) is not null ? await Approval.Ask(call, call.Value(entitlement), terms, keeps: true) : await Submit(call, call.Value(entitlement), terms, call.Cancel);
            call.Screen.Document(request.Raw);
            Show(call, request.Value);
            return request.Value.State switch { "Submitted" or "Approved" => Exit.Ok, "Expired" => Exit.TimedOut, _ => Exit.Refused };
        }, [entitlement, wait, .. terms.Options]);
    }

    public static Task<Answer<RequestShape>> Submit(Call call, string entitlement, Terms terms, CancellationToken cancel) => call.Api.Post<RequestShape>(
        "/v1/requests", new { entitlement, duration = call.Span(terms.Duration), reason = call.Value(terms.Reason), reference = call.Value(terms.Reference) }, cancel);

    private static void Show(Call call, RequestShape request)
    {
        if (request.State == "Submitted")
        {
            call.Screen.Line($"request {Named.Short(request.Id)} for {request.Entitlement} waits for {Says.WaitsFor(request)}; {call.Left(request.ExpiresAt)}", "wait");
            call.Screen.Line($"  `accessplane connect {request.Resource}` goes on when it is approved, `accessplane cancel {Named.Short(request.Id)}` takes it back");
        }
        else
        {
            call.Screen.Line($"request {Named.Short(request.Id)} for {request.Entitlement} is {Contracts.Words.Kind(request.State)}", Contracts.Words.Tone(request.State));
        }
        if (request.GrantId is { } grant)
        {
            call.Screen.Line($"  grant {Named.Short(grant)}: `accessplane connect {request.Resource}` uses it");
        }
        if (request.Notice is { } notice)
        {
            call.Screen.Say($"note: {notice}");
        }
    }
}

/// <summary>The terms of a request, which several commands take.</summary>
internal sealed class Terms
{
    public Option<string?> Duration { get; } = new("--duration", "-d") { Description = "For how long: `20m`, `1h30m`; else as long as the entitlement gives", HelpName = "span" };
    public Option<string?> Reason { get; } = new("--reason", "-r") { Description = "Why, for approvers and auditors", HelpName = "text" };
    public Option<string?> Reference { get; } = new("--reference") { Description = "An id in another system, such as `OPS-123`", HelpName = "id" };
    public Option<string?> Within { get; } = new("--wait-at-most") { Description = "Wait for approval, and no longer than that (`exec` takes its request back then); else until the request expires", HelpName = "span" };

    public IEnumerable<Symbol> Options => [Duration, Reason, Reference, Within];

    public TimeSpan? WaitAtMost(Call call) => call.Span(Within);
}
