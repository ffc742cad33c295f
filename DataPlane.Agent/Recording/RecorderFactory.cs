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
    /// <param name="login">The just-in-time login at the resource; null for the agent's own credential.</param>
    /// <exception cref="IOException">The entry cannot be written: there is no session.</exception>
    public async Task<SessionRecorder> Begin(Permit permit, string client, string application, string server, SessionLogin? login = null)
    {
        ArgumentNullException.ThrowIfNull(permit);
        var policy = inForce.Current.Policy.Version;
        var recorder = spool.Begin(
            permit.Session,
            number => new SessionStart(
                permit.Session, permit.Grant.Grant, permit.Grant.Entitlement, permit.Resource.Id, inForce.Agent, number, permit.Grant.Holder, permit.Database,
                client, application, permit.Login, policy, server, login),
            permit.Resource.Evidence,
            why => live.CutSession(permit.Session, "spool", $"the session cannot be recorded any more: {why}", inForce.Clock.GetTimestamp()));
        if (!await recorder.Kept())
        {
            recorder.Dispose();
            throw new IOException("the session's first entry did not reach the disk");
        }
        return recorder;
    }
}
