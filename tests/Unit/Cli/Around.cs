using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Tests.Unit.Cli;

/// <summary>A command line without a machine: what it writes is kept, and it sees no more of an environment than it is given.</summary>
internal sealed class Around : IDisposable
{
    private readonly Interrupts interrupts = new();

    public StringWriter Out { get; } = new();
    public StringWriter Error { get; } = new();
    public Dictionary<string, string> Variables { get; } = [];

    public Surroundings Surroundings(bool terminal = false) => new(
        Out, Error, terminal, terminal, 80, name => Variables.GetValueOrDefault(name), TimeProvider.System, TimeZoneInfo.Utc, interrupts);

    public Task<int> Run(params string[] arguments) => Commands.Run(arguments, Surroundings());

    public void Dispose()
    {
        interrupts.Dispose();
        Out.Dispose();
        Error.Dispose();
    }
}
