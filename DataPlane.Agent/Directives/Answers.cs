using System.Collections.Concurrent;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Directives;

/// <summary>Brings what the control plane answers to whoever asked.</summary>
internal sealed class Answers(LivenessLease lease, WhenSpoolDrains drain, PendingLogins logins)
{
    public void Take(object body, DateTimeOffset stamp, long arrivedAt)
    {
        switch (body)
        {
            case LeaseAnswer answer:
                lease.Renewed(answer.Nonce, stamp, arrivedAt);
                break;
            case SegmentReceipt receipt:
                drain.Accepted(receipt);
                break;
            case SegmentRefusal refusal:
                drain.Refused(refusal);
                break;
            case LoginAnswer answer:
                logins.Answered(answer);
                break;
            default:
                throw new InvalidOperationException($"nobody asked for {body.GetType().Name}");
        }
    }

    public void Take(RequestClosure closure) => logins.Closed(closure);
}

/// <summary>Clients that wait at the door while the control plane makes up its mind.</summary>
internal sealed class PendingLogins
{
    private readonly ConcurrentDictionary<Guid, TaskCompletionSource<LoginAnswer>> asked = [];
    private readonly ConcurrentDictionary<Guid, TaskCompletionSource<RequestClosure>> waiting = [];

    public Task<LoginAnswer> Ask(Guid ask) => Entry(asked, ask);

    public Task<RequestClosure> Closure(Guid request) => Entry(waiting, request);

    public void Answered(LoginAnswer answer)
    {
        if (asked.TryRemove(answer.Ask, out var who))
        {
            who.TrySetResult(answer);
        }
    }

    public void Closed(RequestClosure closure)
    {
        if (waiting.TryRemove(closure.Request, out var who))
        {
            who.TrySetResult(closure);
        }
    }

    public void Forget(Guid ask, Guid? request)
    {
        asked.TryRemove(ask, out _);
        if (request is { } id)
        {
            waiting.TryRemove(id, out _);
        }
    }

    private static Task<T> Entry<T>(ConcurrentDictionary<Guid, TaskCompletionSource<T>> entries, Guid id) =>
        entries.GetOrAdd(id, _ => new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
}
