using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Directives;

/// <summary>Clients that wait at the door while the control plane makes up its mind.</summary>
internal sealed class PendingLogins
{
    private const int Kept = 1_000;
    private readonly Lock guard = new();
    private readonly Dictionary<Guid, TaskCompletionSource<LoginAnswer>> asked = [];
    private readonly Dictionary<Guid, Waiters> waiting = [];
    private readonly Queue<Guid> order = new();

    /// <summary>How many logins wait, for an answer or for a request's end.</summary>
    public int Count
    {
        get
        {
            lock (guard)
            {
                return asked.Count + waiting.Values.Sum(w => w.Count);
            }
        }
    }

    public Task<LoginAnswer> Ask(Guid ask)
    {
        lock (guard)
        {
            return (asked[ask] = New<LoginAnswer>()).Task;
        }
    }

    /// <summary>The end of a request; <see cref="ForgetClosure"/> once for every call.</summary>
    public Task<RequestClosure> Closure(Guid request)
    {
        lock (guard)
        {
            var its = Of(request);
            its.Count++;
            return its.Closed.Task;
        }
    }

    public void Answered(LoginAnswer answer)
    {
        lock (guard)
        {
            if (asked.Remove(answer.Ask, out var who))
            {
                who.TrySetResult(answer);
            }
        }
    }

    /// <summary>A closure may overtake the waiting for it: it is kept for whoever comes a moment later.</summary>
    public void Closed(RequestClosure closure)
    {
        lock (guard)
        {
            Of(closure.Request).Closed.TrySetResult(closure);
            order.Enqueue(closure.Request);
            while (order.Count > Kept)
            {
                waiting.Remove(order.Dequeue());
            }
        }
    }

    public void Forget(Guid ask)
    {
        lock (guard)
        {
            asked.Remove(ask);
        }
    }

    /// <summary>Others may wait for the same request: the last one takes it along, whether it was closed or not.</summary>
    public void ForgetClosure(Guid request)
    {
        lock (guard)
        {
            if (waiting.TryGetValue(request, out var its) && --its.Count == 0)
            {
                waiting.Remove(request);
            }
        }
    }

    private Waiters Of(Guid request)
    {
        if (!waiting.TryGetValue(request, out var its))
        {
            waiting[request] = its = new Waiters();
        }
        return its;
    }

    private static TaskCompletionSource<T> New<T>() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed class Waiters
    {
        public TaskCompletionSource<RequestClosure> Closed { get; } = New<RequestClosure>();
        public int Count { get; set; }
    }
}
