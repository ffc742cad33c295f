using Xunit;

namespace AccessPlane.Tests.Unit.Architecture;

/// <summary>A program is a list of what it is made of, which is read at a glance: whatever else it needs has a place and a name of its own.</summary>
public sealed class ProgramsTests
{
    private const int AtAGlance = 80;

    public static TheoryData<string> Programs => ["ControlPlane", "DataPlane.Agent", "Cli"];

    [Theory]
    [MemberData(nameof(Programs))]
    public void A_program_is_no_longer_than_one_looks_at_at_once(string project) =>
        Assert.InRange(File.ReadAllLines(Repository.PathOf($"{project}/Program.cs")).Length, 1, AtAGlance);

    [Fact]
    public void There_is_no_program_that_is_not_looked_at() =>
        Assert.Equal(Programs.Select(p => p.Data).Order(), Repository.Files().Where(f => Path.GetFileName(f) == "Program.cs").Select(f => Path.GetFileName(Path.GetDirectoryName(f))).Order());
}
