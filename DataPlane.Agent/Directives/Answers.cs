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
