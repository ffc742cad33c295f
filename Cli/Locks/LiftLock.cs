using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Locks;

/// <summary>`unlock LOCK`: lifts it. One on everything takes two admins.</summary>
internal static class LiftLock
{
    public static Command Define()
    {
        var id = new Argument<string>("lock") { Description = "Its id, or the end of it" };
        return Commands.Make("unlock", "Lifts a lock; what it ended stays ended", async call =>
        {
            var which = await Named.Of(call, PlaceLock.Path, "lock", call.Value(id));
            var answer = await call.Api.Delete<LockShape>($"{PlaceLock.Path}/{which:D}", call.Cancel);
            call.Screen.Document(answer.Raw);
            call.Screen.Line(answer.Value.State == "Lifted" ? $"lock {Named.Short(which)} is lifted" : $"your wish to lift it is noted: another admin confirms it by the same command", answer.Value.State == "Lifted" ? "good" : "wait");
            return Exit.Ok;
        }, id);
    }
}
