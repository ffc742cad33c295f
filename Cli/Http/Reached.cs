using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Http;

/// <summary>A connection that cannot be made, or breaks, is told with its address.</summary>
internal static class Reached
{
    public static async Task<T> Or<T>(Uri at, Func<Task<T>> work, CancellationToken cancel)
    {
        try
        {
            return await work();
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException || (failure is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            var why = failure is OperationCanceledException ? "it does not answer in time" : failure.Message;
            throw new StopException(Exit.Unreachable, $"`{at}` cannot be reached: {why}", "check the address and the network, and try again", null, failure);
        }
    }
}
