using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;

namespace AccessPlane.Cli.Access;

/// <summary>`exec RESOURCE -- COMMAND`: access for one command, which ends with it. What was asked for here is given back, however the command ended.</summary>
internal static class Exec
{
    public static Command Define()
    {
        var wanted = new Wanted();
        var command = new Argument<string[]>("command") { Description = "What to run, behind `--`: it finds PGHOST, PGUSER, PGPASSWORD... in its environment", Arity = ArgumentArity.OneOrMore }.NotEmpty();
        return Commands.Make("exec", "Runs one command with access, and gives the access back", async call =>
        {
            var words = call.Value(command);
            // a job that has ended comes back for nothing
            var obtained = await Obtain.Own(call, wanted, keeps: false);
            GrantShape grant;
            int status;
            bool given;
            // nothing waits between the approval and this: whatever ends the command from here on, the grant is given back
            try
            {
                grant = await Obtain.Read(call, obtained.Grant);
                var ticket = await Ticket.Take(call, grant, call.Value(wanted.Connections) ?? grant.MaxConnections, call.Value(wanted.Database));
                status = await Started.ToEnd(call, words[0], words[1..], Ticket.Environment(ticket.Value), call.Screen.IsJson);
            }
            finally
            {
                given = obtained.Asked && await Farewell.GiveBack(call, obtained.Grant);
            }
            call.Screen.Document(new { grant = grant.Id, grant.Entitlement, grant.Resource, exit = status, surrendered = given });
            return status;
        }, [.. wanted.All, command]);
    }
}
