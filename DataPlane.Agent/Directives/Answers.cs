using System.Collections.Concurrent;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Directives;

/// <summary>Brings what the control plane answers to whoever asked.</summary>
internal sealed class Answers(AgentIdentity identity, LivenessLease lease, WhenSpoolDrains drain, SpoolKeyDesk keys, PendingLogins logins)
{
    public void Take(object body, DateTimeOffset stamp, long arrivedAt)
    {
        switch (body)
        {
            case LeaseAnswer answer:
                lease.Renewed(answer, stamp, arrivedAt);
                break;
            case KeyRing ring:
                identity.Take(ring);
                break;
            case LeaseRefusal refusal:
                lease.Refused(refusal);
                break;
            case SegmentReceipt receipt:
                drain.Accepted(receipt);
                break;
            case SegmentRefusal refusal:
                drain.Refused(refusal);
                break;
            case SpoolKeyAnswer answer:
                keys.Answered(answer);
                break;
            case LoginAnswer answer:
                logins.Answered(answer);
                break;
            default:
                throw new InvalidOperationException($"nobody asked for {body.GetType().Name}");
        }
    }

    /// <summary>A lease that is behind what this agent knows.</summary>
    public void Behind(LeaseAnswer answer, long position) => lease.Behind(answer.Nonce, position);

    public void Take(RequestClosure closure) => logins.Closed(closure);
}

/// <summary>Clients that wait at the door while the control plane makes up its mind.</summary>
internal sealed class PendingLogins
{
    private readonly ConcurrentDictionary<Guid, TaskCompletionSource<LoginAnswer>> asked = [];
    private readonly ConcurrentDictionary<Guid, TaskCompletionSource<RequestClosure>> waiting = [];
    private readonly ConcurrentQueue<Guid> order = [];
    private const int Kept = 1_000;

    public Task<LoginAnswer> Ask(Guid ask) => Entry(asked, ask);

    public Task<RequestClosure> Closure(Guid request) => Entry(waiting, request);

    public void Answered(LoginAnswer answer)
    {
        if (asked.TryRemove(answer.Ask, out var who))
        {
            who.TrySetResult(answer);
        }
    }

    /// <summary>A closure may overtake the waiting for it: it is kept for whoever comes a moment later.</summary>
    public void Closed(RequestClosure closure)
    {
        waiting.GetOrAdd(closure.Request, _ => New<RequestClosure>()).TrySetResult(closure);
        order.Enqueue(closure.Request);
        while (order.Count > Kept && order.TryDequeue(out var old))
        {
            waiting.TryRemove(old, out _);
        }
    }

    public void Forget(Guid ask) => asked.TryRemove(ask, out _);

    /// <summary>Others may wait for the same request: only a closure that nobody needs any more goes.</summary>
    public void ForgetClosure(Guid request)
    {
        if (waiting.TryGetValue(request, out var closure) && closure.Task.IsCompleted)
        {
            waiting.TryRemove(request, out _);
        }
    }

    private static Task<T> Entry<T>(ConcurrentDictionary<Guid, TaskCompletionSource<T>> entries, Guid id) => entries.GetOrAdd(id, _ => New<T>()).Task;

    private static TaskCompletionSource<T> New<T>() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
