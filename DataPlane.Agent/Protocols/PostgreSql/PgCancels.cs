namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// CancelRequests of one session on their way to the server: one, and at most one more behind it, however many come. Each is a connection to the
/// server, and whoever holds a session's key could otherwise open any number of them.
/// </summary>
/// <param name="guard">Under which all that is asked here stands.</param>
/// <param name="pass">Takes one to the server.</param>
/// <param name="running">What runs now; null for nothing. Called under the guard.</param>
internal sealed class PgCancels(Lock guard, Func<Task> pass, Func<long?> running)
{
    private bool isUnderWay;
    private long? next;

    /// <summary>Called under the guard.</summary>
    /// <returns>False where it adds nothing to those on their way, or nothing runs.</returns>
    public bool Ask()
    {
        if (running() is not { } runs)
        {
            return false;
        }
        if (isUnderWay)
        {
            var isNew = next != runs;
            next = runs;
            return isNew;
        }
        isUnderWay = true;
        _ = Task.Run(Pass);
        return true;
    }

    private async Task Pass()
    {
        do
        {
            await pass();
        }
        while (IsAnotherNeeded());
    }

    /// <summary>One that waited was meant for what ran when it came, and must not hit what runs by now.</summary>
    private bool IsAnotherNeeded()
    {
        lock (guard)
        {
            isUnderWay = next is { } meant && running() == meant;
            next = null;
            return isUnderWay;
        }
    }
}
