using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Grants;

/// <summary>`revoke GRANT`: somebody with authority ends it; its live sessions die.</summary>
internal static class RevokeGrant
{
    public static Command Define()
    {
        var id = new Argument<string>("grant") { Description = "Its id, or the end of it" };
        var reason = new Option<string?>("--reason", "-r") { Description = "For its holder and for auditors", HelpName = "text" };
        return Commands.Make("revoke", "Ends somebody's grant: its sessions are cut", async call =>
        {
            var grant = await Named.Of(call, ListGrants.Path, "grant", call.Value(id));
            var answer = await call.Api.Post<GrantShape>($"{ListGrants.Path}/{grant:D}/revoke", new { reason = call.Value(reason) }, call.Cancel);
            call.Screen.Document(answer.Raw);
            call.Screen.Line($"grant {Named.Short(grant)} of {answer.Value.Holder.Display} is {Words.Kind(answer.Value.State)}", "good");
            foreach (var agent in answer.Value.Agents.Where(a => !a.Acknowledged))
            {
                call.Screen.Say($"agent {agent.Id} has not acknowledged it yet{(agent.LeaseEndsAt is { } end ? $"; at worst nothing passes there after {call.At(end)}, {call.Left(end)}" : "")}");
            }
            return Exit.Ok;
        }, id, reason);
    }
}
