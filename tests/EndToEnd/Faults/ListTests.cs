using System.Text.Json;
using System.Text.RegularExpressions;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Faults;

/// <summary>The list of faults (tests/faults.json) and the tests that it names.</summary>
public sealed partial class ListTests
{
    [Fact]
    public async Task Every_fault_is_shown_by_tests_that_exist_one_of_which_says_what_it_saw_and_every_test_of_a_fault_is_in_the_list()
    {
        var listed = new HashSet<string>();
        var said = new List<(string Fault, List<string> Tests)>();
        using var list = JsonDocument.Parse(await File.ReadAllTextAsync($"{TestWorld.Root}/tests/faults.json", TestContext.Current.CancellationToken));
        foreach (var fault in list.RootElement.EnumerateArray())
        {
            Assert.All((string[])["part", "fault", "promise"], word => Assert.NotEqual("", fault.GetProperty(word).GetString()));
            var tests = fault.GetProperty("tests").EnumerateArray().Select(t => t.GetString()!).ToList();
            Assert.NotEmpty(tests);
            said.Add((fault.GetProperty("fault").GetString()!, tests));
            listed.UnionWith(tests);
        }
        var there = new HashSet<string>();
        var tell = new HashSet<string>();
        foreach (var suite in (string[])["Unit", "Integration", "EndToEnd"])
        {
            foreach (var file in Directory.EnumerateFiles($"{TestWorld.Root}/tests/{suite}", "*.cs", SearchOption.AllDirectories))
            {
                var text = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
                var type = Path.GetFileNameWithoutExtension(file);
                there.UnionWith(Test().Matches(text).Select(m => $"{suite}.{type}.{m.Groups[1].Value}"));
                tell.UnionWith(Test().Matches(text).Where(m => text[m.Index..EndOf(text, m.Index)].Contains("FaultReport.Saw(", StringComparison.Ordinal)).Select(m => $"{suite}.{type}.{m.Groups[1].Value}"));
            }
        }
        Assert.Empty(listed.Except(there));
        Assert.Empty(said.Where(s => !s.Tests.Any(tell.Contains)).Select(s => $"no test of `{s.Fault}` says what it saw"));
        var faults = Directory.EnumerateFiles($"{TestWorld.Root}/tests/EndToEnd/Faults", "*Faults.cs").Select(f => $"EndToEnd.{Path.GetFileNameWithoutExtension(f)}.").ToList();
        Assert.Empty(there.Where(t => faults.Any(f => t.StartsWith(f, StringComparison.Ordinal))).Except(listed));
    }

    /// <summary>Of the method that begins there.</summary>
    private static int EndOf(string text, int method) => text.IndexOf("\n    }\n", method, StringComparison.Ordinal) is > 0 and var end ? end : text.Length;

    [GeneratedRegex(@"public (?:async Task|void) (\w+_\w+)\(")]
    private static partial Regex Test();
}
