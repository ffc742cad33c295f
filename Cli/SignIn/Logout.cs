using System.CommandLine;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.SignIn;

/// <summary>`logout`: forgets the sign-in on this machine. What is granted stays granted.</summary>
internal static class Logout
{
    public static Command Define() => Commands.Make("logout", "Forgets the sign-in of this machine", async call =>
    {
        var file = SignInFile.Of(call.Around);
        bool was;
        using (await file.Alone(call.Around.Clock, call.Cancel))
        {
            was = file.Forget();
        }
        call.Screen.Line(was ? "signed out; what you hold is still yours: `accessplane surrender` gives it back" : "nobody was signed in");
        call.Screen.Document(new { signedOut = was });
        return Exit.Ok;
    });
}
