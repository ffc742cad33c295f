using AccessPlane.Cli.Http;
using AccessPlane.Cli.Requests;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Access;

/// <summary>Waits until a request is decided, and says whom it waits for. Ctrl-C withdraws it: nobody shall approve what nobody waits for any more.</summary>
internal static class Approval
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Unheard = TimeSpan.FromSeconds(30);

    /// <summary>Asks, and waits.</summary>
    /// <param name="keeps">Whether the request stays where nobody decided within the time that was given: somebody comes back for it.</param>
    public static async Task<Answer<RequestShape>> Ask(Call call, string entitlement, Terms terms, bool keeps)
    {
        // before anything is filed: what cannot be meant leaves nothing behind
        var atMost = terms.WaitAtMost(call);
        return await Await(call, await File(call, entitlement, terms), atMost, keeps);
    }

    /// <summary>Ctrl-C breaks off the waiting and not this: only what is known to be filed can be taken back.</summary>
    private static async Task<Answer<RequestShape>> File(Call call, string entitlement, Terms terms)
    {
        call.Cancel.ThrowIfCancellationRequested();
        using var late = new CancellationTokenSource(Timeout.InfiniteTimeSpan, call.Around.Clock);
        await using var interrupted = call.Cancel.Register(() => late.CancelAfter(Farewell.Patience));
        try
        {
            return await SubmitRequest.Submit(call, entitlement, terms, late.Token);
        }
        catch (OperationCanceledException)
        {
            call.Screen.Say("the request may be filed all the same: `accessplane requests --mine` shows it", "bad");
            throw;
        }
    }

    private static async Task<Answer<RequestShape>> Await(Call call, Answer<RequestShape> request, TimeSpan? atMost, bool keeps)
    {
        if (request.Value.State != "Submitted")
        {
            return request;
        }
        try
        {
            return await call.Screen.While(Waiting(call, request.Value), say => Poll(call, request, atMost, keeps, say));
        }
        // a terminal that is gone fails in its own way
        catch (Exception ended) when (call.Cancel.IsCancellationRequested && ended is OperationCanceledException or IOException)
        {
            await Farewell.Withdraw(call, request.Value.Id);
            throw new OperationCanceledException(call.Cancel);
        }
        // nobody waits for it any more, but where that was agreed on
        catch (StopException stop) when (!keeps || stop.ExitCode != Exit.TimedOut)
        {
            await Farewell.Withdraw(call, request.Value.Id);
            throw;
        }
    }

    private static async Task<Answer<RequestShape>> Poll(Call call, Answer<RequestShape> request, TimeSpan? atMost, bool keeps, Action<string> say)
    {
        var (began, told) = (call.Around.Clock.GetTimestamp(), Says.WaitsFor(request.Value));
        var heard = began;
        while (request.Value.State == "Submitted")
        {
            if (call.Around.Clock.GetElapsedTime(began) >= atMost)
            {
                throw Undecided(request.Value, atMost.Value, keeps);
            }
            await Task.Delay(Pause, call.Around.Clock, call.Cancel);
            try
            {
                request = await call.Api.Get<RequestShape>($"{ListRequests.Path}/{request.Value.Id:D}", call.Cancel);
                heard = call.Around.Clock.GetTimestamp();
            }
            // a control plane that is being replaced is back in a moment
            catch (StopException lost) when (lost.ExitCode == Exit.Unreachable && call.Around.Clock.GetElapsedTime(heard) < Unheard)
            {
                continue;
            }
            if (Says.WaitsFor(request.Value) != told && request.Value.State == "Submitted")
            {
                told = Says.WaitsFor(request.Value);
                say(Waiting(call, request.Value));
            }
        }
        return request;
    }

    private static StopException Undecided(RequestShape request, TimeSpan within, bool keeps)
    {
        var id = Named.Short(request.Id);
        return new StopException(
            Exit.TimedOut, $"nobody decided within {Words.Of(within)}: request {id} {(keeps ? "still waits" : "waited")} for {Says.WaitsFor(request)}",
            keeps ? $"`accessplane connect {request.Resource}` goes on when it is approved, `accessplane cancel {id}` takes it back" : "tell those who can approve, and ask again");
    }

    /// <summary>A request that did not lead to a grant, told as what it is.</summary>
    public static StopException Unapproved(RequestShape request)
    {
        var denied = request.Steps.SelectMany(s => s.Reviews).LastOrDefault(r => r is { Lapsed: false, Verdict: Contracts.Events.ReviewVerdict.Deny });
        var why = denied is null ? request.Cause : $"by {denied.Reviewer.Display}{(denied.Comment is { } comment ? $": {comment}" : "")}";
        return request.State == "Expired"
            ? new StopException(Exit.TimedOut, $"request {Named.Short(request.Id)} has expired: nobody decided in time", "ask again, and tell those who can approve")
            : new StopException(Exit.Refused, $"request {Named.Short(request.Id)} is {Words.Kind(request.State)}{(why is null ? "" : $" {why}")}", "talk to them, and ask again");
    }

    private static string Waiting(Call call, RequestShape request) =>
        $"request {Named.Short(request.Id)} waits for {Says.WaitsFor(request)} ({call.Left(request.ExpiresAt)}; Ctrl-C takes it back)";
}
