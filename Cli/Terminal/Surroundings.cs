using System.Net;

namespace AccessPlane.Cli.Terminal;

/// <summary>What a command has of the machine around it: the only way by which it writes, asks the time, looks at the environment and reaches others.</summary>
/// <param name="Variable">A variable of the environment; null where it is not set.</param>
/// <param name="Zone">In which the reader's times are told.</param>
internal sealed record Surroundings(
    TextWriter Out, TextWriter Error, bool OutIsTerminal, bool ErrorIsTerminal, int Width, Func<string, string?> Variable, TimeProvider Clock,
    TimeZoneInfo Zone, Interrupts Interrupts)
{
    /// <summary>The way to others. No redirects: they would lead a token anywhere.</summary>
    public Func<HttpMessageHandler> Network { get; init; } =
        () => new SocketsHttpHandler { AllowAutoRedirect = false, AutomaticDecompression = DecompressionMethods.All, ConnectTimeout = TimeSpan.FromSeconds(15) };

    /// <summary>https://no-color.org: set and not empty.</summary>
    public bool WantsColour => string.IsNullOrEmpty(Variable("NO_COLOR"));
}
