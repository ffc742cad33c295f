using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Components;
using Xunit;

namespace AccessPlane.Tests.Unit.Architecture;

/// <summary>The console needs no other tools than the rest of the product, and no page of it is there that no test has looked at.</summary>
public sealed class ConsoleTests
{
    [Fact]
    public void Nothing_but_the_sdk_builds_the_product()
    {
        var projects = Repository.Files().Where(f => Path.GetExtension(f) is ".csproj" or ".props" or ".targets").ToList();
        Assert.Contains(projects, f => Path.GetFileName(f) == "AccessPlane.ControlPlane.csproj");
        Assert.All(projects, f => Assert.DoesNotMatch(@"(?i)<Exec\b|\b(npm|npx|pnpm|yarn|node)\b", File.ReadAllText(f)));
        Assert.DoesNotContain(Repository.Files("ControlPlane"), f => Path.GetFileName(f) == "package.json");
    }

    [Fact]
    public void Every_page_has_its_picture_taken()
    {
        var taken = Directory.EnumerateFiles(Repository.PathOf("tests/EndToEnd/Console"), "*.cs")
            .SelectMany(f => Regex.Matches(File.ReadAllText(f), "\\.Shot\\(\"([a-z-]+)\"\\)")).Select(m => m.Groups[1].Value).ToList();
        var pages = typeof(AccessPlane.ControlPlane.EventStore.EventLog).Assembly.GetTypes().Where(t => t.IsDefined(typeof(RouteAttribute), inherit: false)).Select(t => Kebab(t.Name)).ToList();
        Assert.Contains("mine", pages);
        Assert.All(pages, page => Assert.Contains(taken, shot => shot == page || shot.StartsWith($"{page}-", StringComparison.Ordinal)));
    }

    /// <summary>`ToDecide` → `to-decide`, `SessionPage` → `session`: how pictures are called, before what they show.</summary>
    private static string Kebab(string page) => Regex.Replace(page.Replace("Page", "", StringComparison.Ordinal), "(?<!^)([A-Z])", "-$1").ToLowerInvariant();
}
