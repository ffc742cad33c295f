using System.CommandLine;
using AccessPlane.Cli.Grants;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts.Events;

namespace AccessPlane.Cli.Locks;

/// <summary>`lock`: stops an actor, a resource, an agent or a grant at once. It outranks every grant.</summary>
internal static class PlaceLock
{
    public const string Path = "/v1/locks";

    public static Command Define()
    {
        var actor = new Option<string?>("--actor") { Description = "Somebody: `issuer|subject`", HelpName = "actor" };
        var resource = new Option<string?>("--resource") { Description = "A resource", HelpName = "id" };
        var agent = new Option<string?>("--agent") { Description = "An agent", HelpName = "id" };
        var grant = new Option<string?>("--grant") { Description = "A grant", HelpName = "id" };
        var reason = new Option<string>("--reason", "-r") { Description = "Why, for whoever meets it", HelpName = "text", Required = true };
        var span = new Option<string?>("--for") { Description = "For how long; else until it is lifted", HelpName = "span" };
        return Commands.Make("lock", "Stops somebody or something at once, whatever is granted", async call =>
        {
            var id = call.Value(grant) is { } text ? (Guid?)await Named.Of(call, ListGrants.Path, "grant", text) : null;
            var on = new LockTarget(call.Value(actor), call.Value(resource), call.Value(agent), id);
            if (new object?[] { on.Actor, on.Resource, on.Agent, on.Grant }.Count(t => t is not null) != 1)
            {
                throw new StopException(Exit.Usage, "a lock is on one thing", "give exactly one of `--actor`, `--resource`, `--agent` and `--grant`");
            }
            var answer = await call.Api.Post<LockShape>(Path, new { on, reason = call.Value(reason), until = call.Now + call.Span(span) }, call.Cancel);
            call.Screen.Document(answer.Raw);
            call.Screen.Line($"lock {Named.Short(answer.Value.Id)} is placed on {ListLocks.Told(answer.Value.On)}", "good");
            call.Screen.Line($"  `accessplane unlock {Named.Short(answer.Value.Id)}` lifts it; what it ended stays ended");
            return Exit.Ok;
        }, actor, resource, agent, grant, reason, span);
    }
}
