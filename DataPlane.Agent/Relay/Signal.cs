using System.Threading.Tasks.Sources;

namespace AccessPlane.Agent.Relay;

/// <summary>Wakes one waiter, again and again, without allocating. A signal that comes before the wait is not lost.</summary>
internal sealed class Signal : IValueTaskSource
{
    private readonly Lock guard = new();
    private ManualResetValueTaskSourceCore<bool> core;
    private bool set;
    private bool waited;

    public ValueTask Wait()
    {
        lock (guard)
        {
            if (set)
            {
                set = false;
                return default;
            }
            core.Reset();
            waited = true;
            return new ValueTask(this, core.Version);
        }
    }

    public void Set()
    {
        lock (guard)
        {
            set = !waited;
            if (!waited)
            {
                return;
            }
            waited = false;
        }
        core.SetResult(true);
    }

    void IValueTaskSource.GetResult(short token) => core.GetResult(token);
    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        core.OnCompleted(continuation, state, token, flags);
}
