using AccessPlane.Cli.Grants;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Requests;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Access;

/// <summary>What a command does when it ends, whatever ended it: nothing that it asked for is left to nobody. Ctrl-C does not keep it from that, a second one does.</summary>
internal static class Farewell
{
    /// <summary>How long one who has pressed Ctrl-C still waits for an answer.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan PatienceWithGrants = TimeSpan.FromSeconds(20);

    /// <summary>Takes a request back; where an approver was faster, what came of it is given back.</summary>
    public static async Task Withdraw(Call call, Guid request)
    {
        using var late = new CancellationTokenSource(Patience, call.Around.Clock);
        try
        {
            var closed = await Close(call, request, late.Token);
            if (closed.GrantId is { } grant)
            {
                await GiveBack(call, grant);
            }
            call.Screen.Say($"request {Named.Short(request)} is {(closed.State == "Cancelled" ? "taken back" : Words.Kind(closed.State))}");
        }
        catch (Exception failure) when (failure is StopException or OperationCanceledException)
        {
            call.Screen.Say($"request {Named.Short(request)} could not be taken back: `accessplane cancel {Named.Short(request)}` tries again", "bad");
        }
    }

    /// <returns>Whether it is given back.</returns>
    public static async Task<bool> GiveBack(Call call, Guid grant)
    {
        using var late = new CancellationTokenSource(PatienceWithGrants, call.Around.Clock);
        try
        {
            await SurrenderGrant.Give(call, grant, late.Token);
            call.Screen.Say($"grant {Named.Short(grant)} is given back", "dim");
            return true;
        }
        catch (Exception failure) when (failure is StopException or OperationCanceledException)
        {
            call.Screen.Say($"grant {Named.Short(grant)} could not be given back: {failure.Message}; `accessplane surrender {Named.Short(grant)}` tries again", "bad");
            return false;
        }
    }

    /// <summary>The request as it is closed, by this or by whoever was faster.</summary>
    private static async Task<RequestShape> Close(Call call, Guid request, CancellationToken cancel)
    {
        try
        {
            return (await call.Api.Post<RequestShape>($"{ListRequests.Path}/{request:D}/cancel", new { }, cancel)).Value;
        }
        catch (StopException refused) when (refused.ExitCode == Exit.Refused)
        {
            var found = (await call.Api.Get<RequestShape>($"{ListRequests.Path}/{request:D}", cancel)).Value;
            if (found.State == "Submitted")
            {
                throw;
            }
            return found;
        }
    }
}
