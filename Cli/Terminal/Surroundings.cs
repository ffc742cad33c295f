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

    public const string Url = "ACCESSPLANE_URL";
    public const string Token = "ACCESSPLANE_TOKEN";

    /// <summary>One of our own variables; null where it is not set. INVARIANT: never one that is blank. That is what a job leaves that failed to fill it, and it shall
    /// not go on as whoever happens to be signed in.</summary>
    public string? Setting(string name) => Variable(name)?.Trim() is not { } value ? null : value.Length > 0 ? value
        : throw new StopException(Exit.Usage, $"{name} is set, and blank", "give it a value, or unset it");

    /// <summary>https://no-color.org: set and not empty.</summary>
    public bool WantsColour => string.IsNullOrEmpty(Variable("NO_COLOR"));
}
