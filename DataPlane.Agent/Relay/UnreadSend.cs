namespace AccessPlane.Agent.Relay;

/// <summary>How long a client has not taken what is being sent to it, by looks now and then.</summary>
internal sealed class UnreadSend(TimeProvider time)
{
    private int send;
    private long since = time.GetTimestamp(); // the first look may find the first word on its way: nothing is unread for longer than it is looked at

    /// <param name="isBlocked">Something is being sent at this moment.</param>
    /// <param name="sends">Begun so far: where that stands still it is one and the same.</param>
    public TimeSpan Look(bool isBlocked, int sends)
    {
        if (!isBlocked || send != sends)
        {
            (send, since) = (sends, time.GetTimestamp());
        }
        return time.GetElapsedTime(since);
    }
}
