using AccessPlane.Agent.Directives;
using AccessPlane.Agent.Gate;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.Agent.Recording;

/// <summary>Begins transcripts: nothing of a session may happen before its first entry is written.</summary>
public sealed class RecorderFactory(Spool spool, LiveSessions live, InForce inForce)
{
    /// <param name="client">The client's address and port.</param>
    /// <param name="application">What the client calls itself.</param>
    /// <param name="server">The resource's software and version.</param>
    /// <exception cref="IOException">The entry cannot be written: there is no session.</exception>
    public SessionRecorder Begin(Permit permit, string client, string application, string server)
    {
        ArgumentNullException.ThrowIfNull(permit);
        var policy = inForce.Current.Policy.Version;
        return spool.Begin(
            permit.Session,
            number => new SessionStart(
                permit.Session, permit.Grant.Grant, permit.Grant.Entitlement, permit.Resource.Id, inForce.Agent, number, permit.Grant.Holder, permit.Database,
                client, application, permit.Login, policy, server),
            permit.Resource.Evidence,
            why => live.CutSession(permit.Session, "spool", $"the session cannot be recorded any more: {why}", inForce.Clock.GetTimestamp()));
    }
}
