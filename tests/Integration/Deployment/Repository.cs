using System.Text.RegularExpressions;
using AccessPlane.Tests.Integration.Wire;
using Xunit;

namespace AccessPlane.Tests.Integration.Deployment;

/// <summary>What is to be deployed, as it stands in the repository.</summary>
internal static partial class Repository
{
    public static string Root => Servers.Need("ACCESSPLANE_TEST_ROOT");

    public static string Path(string file) => System.IO.Path.Combine(Root, file);

    public static string Text(string file) => File.ReadAllText(Path(file));

    public static async Task<string> Succeeds(TimeSpan atMost, string program, params string[] arguments)
    {
        var ran = await Programs.Run(atMost, program, new Dictionary<string, string>(), arguments);
        Assert.True(ran.Status == 0, $"{program} {string.Join(' ', arguments)} ended with {ran.Status}:\n{ran.Out}{ran.Error}");
        return ran.Out;
    }

    public static Task<string> Succeeds(string program, params string[] arguments) => Succeeds(TimeSpan.FromMinutes(3), program, arguments);

    /// <summary>What stands in a `KEY=value` file, of systemd or for it.</summary>
    public static ILookup<string, string> Assignments(string file) =>
        Text(file).Split('\n').Select(l => Assignment().Match(l)).Where(m => m.Success).ToLookup(m => m.Groups["key"].Value, m => m.Groups["value"].Value);

    [GeneratedRegex("^(?<key>[A-Za-z][A-Za-z0-9_]*)=(?<value>.*)$", RegexOptions.NonBacktracking)]
    private static partial Regex Assignment();
}
