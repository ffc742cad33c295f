namespace AccessPlane.Agent.Directives;

/// <summary>Wakes everyone who waits for the next change. Take <see cref="Next"/> before looking, await it after: no change is missed in between.</summary>
public sealed class Pulse
{
    private volatile TaskCompletionSource next = New();

#pragma warning disable VSTHRD003 // there is no main thread to deadlock with: the task is a signal, its continuations run on the pool
    public Task Next => next.Task;
#pragma warning restore VSTHRD003

    public void Beat() => Interlocked.Exchange(ref next, New()).TrySetResult();

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
