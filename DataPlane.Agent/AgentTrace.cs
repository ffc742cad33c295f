using System.Diagnostics;
using AccessPlane.Agent.Gate;

namespace AccessPlane.Agent;

/// <summary>What the agent traces: logins and sessions, each as a whole. What happens inside a session is in its transcript, and costs no span.</summary>
internal static class AgentTrace
{
    public const string Name = "AccessPlane.Agent";

    private static readonly ActivitySource Source = new(Name);

    /// <summary>From the startup's packet to the answer, the waiting for an approval included.</summary>
    public static Activity? Login(string resource) => Source.StartActivity("login", ActivityKind.Server)?.SetTag("accessplane.resource", resource);

    public static void Admitted(Activity? login, Permit permit) => Of(login, permit);

    public static void Failed(Activity? login, Exception why) => login?.SetStatus(ActivityStatusCode.Error, why.Message);

    /// <summary>From the admission to the end, the way to the database included.</summary>
    public static Activity? Session(Permit permit) => Of(Source.StartActivity("session", ActivityKind.Server), permit)?
        .SetTag("accessplane.resource", permit.Grant.Resource).SetTag("db.namespace", permit.Database);

    /// <param name="cause">As in the transcript.</param>
    public static void Ended(string cause) => Activity.Current?.SetTag("accessplane.session.end", cause);

    private static Activity? Of(Activity? span, Permit permit) => span?
        .SetTag("accessplane.session", permit.Session).SetTag("accessplane.grant", permit.Grant.Grant);
}
