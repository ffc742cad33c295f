namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>A backend that is dialled while it is not sure yet whether it is the right one. What is not taken is closed.</summary>
internal sealed class PgAhead(Task<PgBackend> dialling) : IAsyncDisposable
{
    private bool taken;

    public async Task<PgBackend> Take()
    {
        var backend = await dialling;
        taken = true;
        return backend;
    }

    public async ValueTask DisposeAsync()
    {
        await ((Task)dialling).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!taken && dialling.IsCompletedSuccessfully)
        {
            (await dialling).Channel.Wire.Dispose();
        }
    }
}
