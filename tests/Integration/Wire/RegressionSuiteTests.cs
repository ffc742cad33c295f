using System.Text.RegularExpressions;
using Xunit;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>
/// PostgreSQL's own regression suite through the agent, compared with the same scripts run directly. It is not part of this repository: PG_REGRESS_DIR
/// points at `src/test/regress` of a source tree of the sample server's version. Where the two differ on purpose, corpus/postgresql/regression.txt
/// says so, script by script; any other difference fails. What was printed is left in PG_REGRESS_REPORT, where that is set.
/// </summary>
public sealed partial class RegressionSuiteTests
{
    private const string SetUp = "test_setup";

    private static readonly string Known = Path.Combine(AppContext.BaseDirectory, "corpus", "postgresql", "regression.txt");

    [Fact]
    public async Task Its_scripts_give_the_same_output_through_the_agent_and_directly_but_for_those_that_are_known()
    {
        var suite = Environment.GetEnvironmentVariable("PG_REGRESS_DIR");
        Assert.SkipWhen(suite is null, "PG_REGRESS_DIR points at no regression suite");
        await using var agent = await WireAgent.Start(new WireOptions(Superuser: true));
        var directly = await RunAll(suite, Programs.Directly(agent), "direct");
        await MakeAnew(agent);
        // it loads the server's own files, which no session through the agent may: without them the others would have nothing to read
        await Script(suite, Programs.Directly(agent), SetUp);
        var through = await RunAll(suite, Programs.Through(agent, 300), "through");

        var different = through.Keys.Where(script => directly[script] != through[script]).ToHashSet();
        var expected = (await File.ReadAllLinesAsync(Known)).Where(l => l.Length > 0 && l[0] != '#').Select(l => l[..l.IndexOf(' ', StringComparison.Ordinal)]).ToHashSet();
        Assert.True(directly.Count > 150, $"a suite of {directly.Count} scripts");
        Assert.Equal([], different.Except(expected).Order());
        Assert.Equal([], expected.Intersect(through.Keys).Except(different).Order());
    }

    /// <summary>What each script prints, in the order of the suite's schedule: later ones use the tables of earlier ones.</summary>
    private static async Task<Dictionary<string, string>> RunAll(string suite, Dictionary<string, string> connection, string way)
    {
        Dictionary<string, string> printed = [];
        var report = Environment.GetEnvironmentVariable("PG_REGRESS_REPORT") is { } folder ? Directory.CreateDirectory(Path.Combine(folder, way)).FullName : null;
        foreach (var script in (await File.ReadAllLinesAsync(Path.Combine(suite, "parallel_schedule"))).Where(l => l.StartsWith("test:", StringComparison.Ordinal))
            .SelectMany(l => l["test:".Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(s => s != SetUp || way == "direct"))
        {
            printed[script] = await Script(suite, connection, script);
            if (report is not null)
            {
                await File.WriteAllTextAsync(Path.Combine(report, script + ".out"), printed[script]);
            }
        }
        return printed;
    }

    private static async Task<string> Script(string suite, Dictionary<string, string> connection, string name)
    {
        Dictionary<string, string> environment = new(connection)
        {
            ["PG_ABS_SRCDIR"] = suite,
            ["PG_ABS_BUILDDIR"] = suite,
            ["PG_LIBDIR"] = suite,
            ["PG_DLSUFFIX"] = ".so",
            ["PGTZ"] = "PST8PDT",
            ["PGDATESTYLE"] = "Postgres, MDY",
            ["LC_ALL"] = "C",
        };
        var ran = await Programs.Run(
            TimeSpan.FromMinutes(10), "bash", environment, "-c", "exec psql -X -a -q -v HIDE_TABLEAM=on -v HIDE_TOAST_COMPRESSION=on <\"$1\" 2>&1", "psql", Path.Combine(suite, "sql", name + ".sql"));
        return Changing().Replace(ran.Out, "$1N");
    }

    /// <summary>The database as it was at first, and nothing left of what the scripts made outside it.</summary>
    private static Task MakeAnew(WireAgent agent) => agent.Data.MakeAgain(
        """
        do $$ declare made text; begin
          for made in select rolname from pg_roles where rolname like 'regress%' loop execute format('drop role %I', made); end loop;
        end $$
        """);

    /// <summary>What differs from run to run: processes, and the numbers of objects that error messages tell.</summary>
    [GeneratedRegex("(server process with PID |pg_temp_|pg_toast_temp_|pg_toast_|OID |role |operation [0-9]+ of session )[0-9a-f-]+")]
    private static partial Regex Changing();
}
