using System.Text.Json;
using System.Text.RegularExpressions;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Faults;

/// <summary>The list of faults (tests/faults.json) and the tests that it names.</summary>
public sealed partial class ListTests
{
    [Fact]
    public async Task Every_fault_is_shown_by_tests_that_exist_and_every_test_of_a_fault_is_in_the_list()
    {
        var listed = new HashSet<string>();
        using var list = JsonDocument.Parse(await File.ReadAllTextAsync($"{TestWorld.Root}/tests/faults.json", TestContext.Current.CancellationToken));
        foreach (var fault in list.RootElement.EnumerateArray())
        {
            Assert.All((string[])["part", "fault", "promise"], word => Assert.NotEqual("", fault.GetProperty(word).GetString()));
            var tests = fault.GetProperty("tests").EnumerateArray().Select(t => t.GetString()!).ToList();
            Assert.NotEmpty(tests);
            listed.UnionWith(tests);
        }
        var there = new HashSet<string>();
        foreach (var suite in (string[])["Unit", "Integration", "EndToEnd"])
        {
            foreach (var file in Directory.EnumerateFiles($"{TestWorld.Root}/tests/{suite}", "*.cs", SearchOption.AllDirectories))
            {
                var text = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
                var type = Path.GetFileNameWithoutExtension(file);
                there.UnionWith(Test().Matches(text).Select(m => $"{suite}.{type}.{m.Groups[1].Value}"));
            }
        }
        Assert.Empty(listed.Except(there));
        var faults = Directory.EnumerateFiles($"{TestWorld.Root}/tests/EndToEnd/Faults", "*Faults.cs").Select(f => $"EndToEnd.{Path.GetFileNameWithoutExtension(f)}.").ToList();
        Assert.Empty(there.Where(t => faults.Any(f => t.StartsWith(f, StringComparison.Ordinal))).Except(listed));
    }

    [GeneratedRegex(@"public (?:async Task|void) (\w+_\w+)\(")]
    private static partial Regex Test();
}
