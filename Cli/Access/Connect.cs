using System.CommandLine;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Access;

/// <summary>`connect RESOURCE`: psql under a live grant, or under one that is asked for and waited for.</summary>
internal static class Connect
{
    public static Command Define()
    {
        var wanted = new Wanted();
        var print = new Option<bool>("--print") { Description = "Print the address with the ticket's password, for another client, and start nothing" };
        var program = new Option<string>("--client") { Description = "The program to start", HelpName = "program", DefaultValueFactory = _ => "psql" }.NotEmpty();
        var arguments = new Argument<string[]>("arguments") { Description = "For psql, behind `--`: `-- -c 'select 1'`", Arity = ArgumentArity.ZeroOrMore };
        return Commands.Make("connect", "Connects you with psql, asking for access where you hold none", async call =>
        {
            var isPrint = call.Value(print);
            var grant = await Obtain.Held(call, wanted);
            var ticket = await Ticket.Take(call, grant, call.Value(wanted.Connections) ?? 1, call.Value(wanted.Database));
            if (isPrint)
            {
                call.Screen.Document(ticket.Raw);
                if (!call.Screen.IsJson)
                {
                    call.Screen.Raw(ticket.Value.Url);
                }
                call.Screen.Say($"use it within {Contracts.Words.Of(ticket.Value.ExpiresAt - call.Now)}");
                return Exit.Ok;
            }
            call.Screen.Say($"{grant.Entitlement} on {grant.Resource}, {call.Left(grant.Until)}; everything is recorded", "dim");
            var status = await Started.ToEnd(call, call.Value(program)!, call.Value(arguments), Ticket.Environment(ticket.Value), call.Screen.IsJson);
            call.Screen.Say($"the grant lives on: `accessplane surrender {Named.Short(grant.Id)}` gives it back", "dim");
            call.Screen.Document(new { grant = grant.Id, grant.Entitlement, grant.Resource, exit = status });
            return status;
        }, [.. wanted.All, print, program, arguments]);
    }
}
