using System.Globalization;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.ControlPlane.Resources;
using AccessPlane.Tests.Unit.Domain;
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
        var reading = PolicyYaml.Read(File.ReadAllText(Path.Combine(Folder, document + ".yaml")), Catalogs(Path.Combine(Folder, document + ".catalogs")));
        var expected = File.ReadAllLines(Path.Combine(Folder, document + ".txt")).Where(l => l.Length > 0).ToArray();
        var told = reading.Problems.Select(Line).ToArray();
        Assert.True(
            expected.Length == told.Length && expected.Zip(told).All(pair => Matches(pair.First, pair.Second)),
            $"expected\n{string.Join('\n', expected)}\nbut was told\n{string.Join('\n', told)}");
        Assert.Equal(!reading.Problems.Any(p => p.Severity == ProblemSeverity.Error), reading.IsValid);
    }

    /// <summary>A line for each relation: resource, agent, database, relation, columns; `…` for one that was not told whole.</summary>
    private static CatalogKnowledge Catalogs(string file)
    {
        var known = CatalogKnowledge.Nothing;
        foreach (var catalog in File.Exists(file) ? File.ReadAllLines(file).Select(l => l.Split(' ')).GroupBy(l => (l[0], l[1], l[2])) : [])
        {
            var isAll = catalog.All(l => l[3] != "…");
            var names = CatalogNames.Of(catalog.Key.Item1, catalog.Key.Item3, [.. catalog.Where(_ => isAll).Select(l => new RelationNames(l[3], l[4..]))]);
            var reported = new ResourceCatalogReported(names.Resource, catalog.Key.Item2, names.Database, names.Hash, names.Relations, isAll);
            known = CatalogKnowledge.Fold(known, new Stored(1, Guid.Empty, 1, Guid.Empty, World.Noon, new EventContext(People.Admin, Guid.Empty), reported));
        }
        return known;
    }

    private static bool Matches(string expected, string told) =>
        expected.EndsWith('…') ? told.StartsWith(expected[..^1], StringComparison.Ordinal) : told == expected;

    private static string Line(PolicyProblem problem) => string.Create(
        CultureInfo.InvariantCulture, $"{(problem.Severity == ProblemSeverity.Error ? "error" : "warning")} {problem.Line}:{problem.Column} {problem.Path}: {problem.Message}");
}
