using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts.Events;

namespace AccessPlane.Cli.Locks;

/// <summary>`locks`: those in force.</summary>
internal static class ListLocks
{
    public static Command Define() => Commands.Make("locks", "Locks in force", async call =>
    {
        var answer = await call.Api.Get<LocksShape>(PlaceLock.Path, call.Cancel);
        call.Screen.Document(answer.Raw);
        call.Screen.Table(["id", "on", "left", "reason"], answer.Value.Items.Select(l => (Cell[])
            [Named.Short(l.Id), Printable.Line(Told(l.On), 40), l.Until is { } until ? call.Left(until) : "until lifted", l.Reason]));
        return Exit.Ok;
    });

    public static string Told(LockTarget on) => on.Actor is not null ? $"actor {on.Actor[(on.Actor.LastIndexOf('|') + 1)..]}" : on.Resource is not null ? $"resource {on.Resource}"
        : on.Agent is not null ? $"agent {on.Agent}" : on.Grant is { } grant ? $"grant {Named.Short(grant)}" : "everything";
}
