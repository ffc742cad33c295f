using System.Globalization;
using AccessPlane.ControlPlane.Policies;
using Xunit;

namespace AccessPlane.Tests.Unit.Policies;

/// <summary>tests/corpus/policy: a document, and beside it what its author is told.</summary>
public sealed class PolicyCorpusTests
{
    private static readonly string Folder = Path.Combine(Corpus.Folder, "policy");

    public static TheoryData<string> Documents => [.. Directory.GetFiles(Folder, "*.yaml").Select(f => Path.GetFileNameWithoutExtension(f)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Documents))]
    public void A_documents_author_is_told_of_every_problem_and_where_it_is(string document)
    {
        var reading = PolicyYaml.Read(File.ReadAllText(Path.Combine(Folder, document + ".yaml")));
        var expected = File.ReadAllLines(Path.Combine(Folder, document + ".txt")).Where(l => l.Length > 0).ToArray();
        var told = reading.Problems.Select(Line).ToArray();
        Assert.True(
            expected.Length == told.Length && expected.Zip(told).All(pair => Matches(pair.First, pair.Second)),
            $"expected\n{string.Join('\n', expected)}\nbut was told\n{string.Join('\n', told)}");
        Assert.Equal(!reading.Problems.Any(p => p.Severity == ProblemSeverity.Error), reading.IsValid);
    }

    private static bool Matches(string expected, string told) =>
        expected.EndsWith('…') ? told.StartsWith(expected[..^1], StringComparison.Ordinal) : told == expected;

    private static string Line(PolicyProblem problem) => string.Create(
        CultureInfo.InvariantCulture, $"{(problem.Severity == ProblemSeverity.Error ? "error" : "warning")} {problem.Line}:{problem.Column} {problem.Path}: {problem.Message}");
}
