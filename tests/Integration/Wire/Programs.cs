using System.Diagnostics;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>Runs stock client programs.</summary>
internal static class Programs
{
    public sealed record Output(int Status, string Out, string Error);

    public static Task<Output> Run(string program, IReadOnlyDictionary<string, string> environment, params string[] arguments) =>
        Run(TimeSpan.FromSeconds(60), program, environment, arguments);

    public static async Task<Output> Run(TimeSpan atMost, string program, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        using var process = Start(program, environment, arguments);
        var (standard, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var patience = new CancellationTokenSource(atMost);
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw new TimeoutException($"{program} did not end: {await standard} {await error}");
        }
        var output = new Output(process.ExitCode, await standard, await error);
        HostSecrets.ClientWasTold($"what `{Path.GetFileName(program)}` wrote", output.Out);
        HostSecrets.ClientWasTold($"what `{Path.GetFileName(program)}` wrote as an error", output.Error);
        return output;
    }

    public static Process Start(string program, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }

    public static Dictionary<string, string> Through(WireAgent agent, int connections = 1, string sslMode = "disable")
    {
        var (user, password) = agent.Ticket(connections);
        return Environment("127.0.0.1", agent.Port, user, password, agent.Database, sslMode);
    }

    public static Dictionary<string, string> Directly(WireAgent agent)
    {
        var (host, port, user, password) = agent.Direct;
        return Environment(host, port, user, password, agent.Database, "disable");
    }

    private static Dictionary<string, string> Environment(string host, int port, string user, string password, string database, string sslMode) => new()
    {
        ["PGHOST"] = host,
        ["PGPORT"] = port.ToString(System.Globalization.CultureInfo.InvariantCulture),
        ["PGUSER"] = user,
        ["PGPASSWORD"] = password,
        ["PGDATABASE"] = database,
        ["PGSSLMODE"] = sslMode,
        ["PGGSSENCMODE"] = "disable",
        ["LC_ALL"] = "C.UTF-8",
    };
}
