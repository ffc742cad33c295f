namespace AccessPlane.Cli.Terminal;

/// <summary>What a command has of the machine around it: the only way by which it writes, asks the time and looks at the environment.</summary>
/// <param name="Variable">A variable of the environment; null where it is not set.</param>
/// <param name="Zone">In which the reader's times are told.</param>
internal sealed record Surroundings(
    TextWriter Out, TextWriter Error, bool OutIsTerminal, bool ErrorIsTerminal, int Width, Func<string, string?> Variable, TimeProvider Clock,
    TimeZoneInfo Zone, Interrupts Interrupts)
{
    /// <summary>https://no-color.org: set and not empty.</summary>
    public bool WantsColour => string.IsNullOrEmpty(Variable("NO_COLOR"));
}
