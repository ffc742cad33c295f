using System.CommandLine;
using AccessPlane.Cli.Grants;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Access;

/// <summary>`exec RESOURCE -- COMMAND`: access for one command, which ends with it. What was asked for here is given back, however the command ended.</summary>
internal static class Exec
{
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(20);

    public static Command Define()
    {
        var wanted = new Wanted();
        var command = new Argument<string[]>("command") { Description = "What to run, behind `--`: it finds PGHOST, PGUSER, PGPASSWORD... in its environment", Arity = ArgumentArity.OneOrMore };
        return Commands.Make("exec", "Runs one command with access, and gives the access back", async call =>
        {
            var words = call.Value(command);
            var obtained = await Obtain.Own(call, wanted);
            var status = Exit.Refused;
            var given = false;
            try
            {
                var ticket = await Ticket.Take(call, obtained.Grant, call.Value(wanted.Connections) ?? obtained.Grant.MaxConnections, call.Value(wanted.Database));
                status = await Started.ToEnd(call, words[0], words[1..], Ticket.Environment(ticket.Value), call.Screen.IsJson);
            }
            finally
            {
                given = obtained.Asked && await GiveBack(call, obtained.Grant.Id);
            }
            call.Screen.Document(new { grant = obtained.Grant.Id, obtained.Grant.Entitlement, obtained.Grant.Resource, exit = status, surrendered = given });
            return status;
        }, [.. wanted.All, command]);
    }

    /// <summary>Whatever ended the command does not keep this from being done.</summary>
    private static async Task<bool> GiveBack(Call call, Guid grant)
    {
        using var late = new CancellationTokenSource(Farewell, call.Around.Clock);
        try
        {
            await SurrenderGrant.Give(call, grant, late.Token);
            call.Screen.Say($"grant {Named.Short(grant)} is given back", "dim");
            return true;
        }
        catch (Exception failure) when (failure is StopException or OperationCanceledException)
        {
            call.Screen.Say($"grant {Named.Short(grant)} could not be given back: {failure.Message}; `accessplane surrender {Named.Short(grant)}` tries again", "bad");
            return false;
        }
    }
}
