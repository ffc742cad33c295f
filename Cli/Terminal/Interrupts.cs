using System.Runtime.InteropServices;

namespace AccessPlane.Cli.Terminal;

/// <summary>Ctrl-C and its like. They end what waits here; while another program has the terminal they are that program's.</summary>
internal sealed class Interrupts : IDisposable
{
    private readonly CancellationTokenSource ended = new();
    private readonly List<PosixSignalRegistration> registrations = [];
    private volatile Action<PosixSignal>? other;

    public Interrupts()
    {
        foreach (var signal in (PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP])
        {
            registrations.Add(PosixSignalRegistration.Create(signal, Take));
        }
    }

    public CancellationToken Token => ended.Token;

    /// <summary>Until it is disposed of, signals go to another program.</summary>
    public IDisposable GoTo(Action<PosixSignal> program)
    {
        other = program;
        return new Back(this);
    }

    /// <summary>One has come.</summary>
    public void Take(PosixSignalContext signal)
    {
        // whoever insists is not held up by what is being withdrawn; a terminal that is closed says so twice, and insists on nothing
        if (other is null && ended.IsCancellationRequested && signal.Signal != PosixSignal.SIGHUP)
        {
            return;
        }
        signal.Cancel = true;
        if (other is { } program)
        {
            program(signal.Signal);
        }
        else
        {
            ended.Cancel();
        }
    }

    public void Dispose()
    {
        registrations.ForEach(r => r.Dispose());
        ended.Dispose();
    }

    private sealed class Back(Interrupts interrupts) : IDisposable
    {
        public void Dispose() => interrupts.other = null;
    }
}
