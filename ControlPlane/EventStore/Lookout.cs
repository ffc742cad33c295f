namespace AccessPlane.ControlPlane.EventStore;

internal static class Lookout
{
    /// <summary>Looks at every tick until it is told to stop. A look that fails is told, and the next one is another.</summary>
    public static async Task EachTime(this PeriodicTimer timer, Func<CancellationToken, Task> look, Action<string> failed, CancellationToken stopping)
    {
        while (await timer.WaitForNextTickAsync(stopping))
        {
            try
            {
                await look(stopping);
            }
            catch (Exception failure) when (!stopping.IsCancellationRequested)
            {
                failed(failure.Message);
            }
        }
    }
}
