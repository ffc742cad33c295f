using System.Text;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli;

/// <summary>`accessplane`: a client of the control plane's API for terminals and pipelines.</summary>
internal static class Program
{
    /// <summary>What does not fit these is read badly, and pipes have no width.</summary>
    private const int NarrowestTerminal = 80;

    private static async Task<int> Main(string[] args)
    {
        using var interrupts = new Interrupts();
        await using var output = Writer(Console.OpenStandardOutput());
        await using var error = Writer(Console.OpenStandardError());
        return await Commands.Run(args, new Surroundings(
            output, error, !Console.IsOutputRedirected, !Console.IsErrorRedirected, Width(), Environment.GetEnvironmentVariable, TimeProvider.System,
            TimeZoneInfo.Local, interrupts));
    }

    private static StreamWriter Writer(Stream stream) => new(stream, new UTF8Encoding(false)) { AutoFlush = true };

    private static int Width() => Console.IsOutputRedirected ? NarrowestTerminal : Math.Max(NarrowestTerminal, Console.WindowWidth);
}
