using System.Runtime.InteropServices;
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
    public TimeProvider Clock { get; set; } = TimeProvider.System;

    /// <summary>Who answers whatever is asked; null where that is the machine's own network.</summary>
    public HttpMessageHandler? Network { get; set; }

    public Surroundings Surroundings(bool terminal = false)
    {
        var made = new Surroundings(Out, Error, terminal, terminal, 80, name => Variables.GetValueOrDefault(name), Clock, TimeZoneInfo.Utc, interrupts);
        return Network is { } network ? made with { Network = () => network } : made;
    }

    public Task<int> Run(params string[] arguments) => Commands.Run(arguments, Surroundings());

    public void Interrupt() => interrupts.Take(new PosixSignalContext(PosixSignal.SIGTERM));

    public void Dispose()
    {
        interrupts.Dispose();
        Out.Dispose();
        Error.Dispose();
    }
}
