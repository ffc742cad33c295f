using System.Text.Json;

namespace AccessPlane.Tests;

/// <summary>
/// What the test of a fault saw, for the table that infra/faults prints. The promises themselves are the test's assertions: this is what was measured and counted
/// while they held.
/// </summary>
internal static class FaultReport
{
    private static readonly Lock OneAtATime = new();

    /// <summary>Null where the unit tests run by themselves: nobody makes a table then.</summary>
    private static string? Run => Environment.GetEnvironmentVariable("ACCESSPLANE_TEST_RUN");

    /// <param name="what">For people, in one line: what was cut, counted and how long it took.</param>
    /// <param name="numbers">Those that the table adds up under the same name (`lost`, `duplicates`) or shows at its end.</param>
    public static void Saw(string what, params (string Name, double Value)[] numbers)
    {
        var context = Xunit.TestContext.Current;
        var test = context.TestClass!;
        var suite = test.TestClassNamespace!.Split('.')[2];
        var line = JsonSerializer.Serialize(new
        {
            test = $"{suite}.{test.TestClassSimpleName}.{context.TestMethod!.MethodName}",
            saw = what,
            numbers = numbers.ToDictionary(n => n.Name, n => n.Value),
        });
        context.TestOutputHelper?.WriteLine(what);
        if (Run is { } folder)
        {
            lock (OneAtATime)
            {
                File.AppendAllText($"{folder}/faults.ndjson", line + "\n");
            }
        }
    }
}
