namespace AccessPlane.Contracts.Messages;

/// <summary>
/// Waits at a broker's door until it lets one in. A client that is left to its own tries again ever more seldom, and after some answers (a login that is
/// refused while the broker starts) never: what it was to hear would stay unheard long after the broker is back.
/// </summary>
public static class BrokerDoor
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <param name="enter">Logs in, and leaves.</param>
    /// <param name="refused">Hears why not: once for each reason, until there is another.</param>
    /// <returns>When the broker has just let somebody in.</returns>
    public static async Task Opens(Func<CancellationToken, Task> enter, Action<Exception> refused, TimeProvider clock, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(enter);
        ArgumentNullException.ThrowIfNull(refused);
        for (var told = ""; ;)
        {
            try
            {
                await enter(cancel);
                return;
            }
            catch (Exception failure) when (!cancel.IsCancellationRequested)
            {
                var why = failure.GetBaseException().Message;
                if (why != told)
                {
                    refused(failure);
                    told = why;
                }
            }
            await Task.Delay(Pause, clock, cancel);
        }
    }
}
