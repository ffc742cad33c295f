namespace AccessPlane.Cli.Terminal;

/// <summary>With what the program ends. INVARIANT: scripts depend on these numbers; they may be added to and never change.</summary>
internal static class Exit
{
    public const int Ok = 0;
    /// <summary>Somebody or a rule said no, or what was looked at is not right.</summary>
    public const int Refused = 1;
    /// <summary>The command line, or what it names, cannot be meant.</summary>
    public const int Usage = 2;
    public const int NotSignedIn = 3;
    public const int NotFound = 4;
    public const int TimedOut = 5;
    /// <summary>The control plane, the issuer or an agent does not answer.</summary>
    public const int Unreachable = 6;
    /// <summary>As shells have it: the program to be started is not there.</summary>
    public const int NoProgram = 127;
    /// <summary>As shells have it: ended by Ctrl-C.</summary>
    public const int Interrupted = 130;

    public const string Help = """
        exit codes: 0 done, 1 refused or wrong, 2 usage, 3 not signed in, 4 not found, 5 waited too long, 6 cannot be reached,
        127 the program to start is missing, 130 interrupted; `exec` and `connect` end with the code of what they start
        """;

    /// <summary>What an answer of the API comes to.</summary>
    public static int Of(int status, string code) => (status, code) switch
    {
        (_, "invalid-policy" or "nobody-can-approve" or "max-total" or "duration-too-long") => Refused,
        (401, _) => NotSignedIn,
        (404, _) => NotFound,
        (400 or 413 or 415 or 422, _) => Usage,
        (408 or 429 or >= 500, _) => Unreachable,
        _ => Refused,
    };
}
