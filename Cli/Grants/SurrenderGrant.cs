using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Grants;

/// <summary>`surrender GRANT`: its holder gives it back before its time.</summary>
internal static class SurrenderGrant
{
    public static Command Define()
    {
        var id = new Argument<string>("grant") { Description = "Its id, or the end of it" };
        return Commands.Make("surrender", "Gives a grant of yours back before its time", async call =>
        {
            var grant = await Named.Of(call, $"{ListGrants.Path}?mine=true", "grant", call.Value(id));
            var answer = await Give(call, grant, call.Cancel);
            call.Screen.Document(answer.Raw);
            call.Screen.Line($"grant {Named.Short(grant)} is given back", "good");
            return Exit.Ok;
        }, id);
    }

    public static Task<Answer<GrantShape>> Give(Call call, Guid grant, CancellationToken cancel) =>
        call.Api.Post<GrantShape>($"{ListGrants.Path}/{grant:D}/surrender", new { }, cancel);
}
