using System.Text.Json;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Faults.World;

/// <summary>
/// What the test of a fault saw, for the table that infra/faults prints. The promises themselves are the test's assertions: this is what was measured and counted
/// while they held.
/// </summary>
internal static class FaultReport
{
    private static readonly Lock OneAtATime = new();

    /// <param name="what">For people, in one line: what was cut, counted and how long it took.</param>
    /// <param name="numbers">Those that the table adds up under the same name (`lost`, `duplicates`) or shows at its end.</param>
    public static void Saw(string what, params (string Name, double Value)[] numbers)
    {
        var context = TestContext.Current;
        var line = JsonSerializer.Serialize(new
        {
            test = $"{context.TestClass!.TestClassSimpleName}.{context.TestMethod!.MethodName}",
            saw = what,
            numbers = numbers.ToDictionary(n => n.Name, n => n.Value),
        });
        context.TestOutputHelper?.WriteLine(what);
        lock (OneAtATime)
        {
            File.AppendAllText($"{TestWorld.State}/faults.ndjson", line + "\n");
        }
    }
}
