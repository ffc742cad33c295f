using Xunit;

namespace AccessPlane.Tests.Integration.Deployment;

/// <summary>The chart's alarms as Prometheus' own promtool reads them and tries them on series that are made up. No running Prometheus has seen them.</summary>
public sealed class AlarmTests
{
    private const string Cases = "tests/Integration/Deployment/alarms.yaml";

    private readonly IReadOnlyList<object?> groups = ChartTests.Rendered("alerts: { enabled: true }").Single(o => o.At("kind") is "PrometheusRule").Items("spec.groups");

    [Fact]
    public async Task Each_sounds_of_whom_it_is_about_when_it_should_and_neither_before_nor_after()
    {
        var folder = Directory.CreateTempSubdirectory("accessplane-alarms-").FullName;
        try
        {
            await File.WriteAllTextAsync($"{folder}/rules.yaml", PlainYaml.Write(new Dictionary<string, object?> { ["groups"] = groups }), TestContext.Current.CancellationToken);
            // it looks for the rules beside the cases
            File.Copy(Repository.Path(Cases), $"{folder}/cases.yaml");
            await Repository.Succeeds("promtool", "check", "rules", $"{folder}/rules.yaml");
            await Repository.Succeeds("promtool", "test", "rules", $"{folder}/cases.yaml");
        }
        finally
        {
            Directory.Delete(folder, true);
        }
    }

    [Fact]
    public void Every_alarm_is_tried_both_ways()
    {
        var cases = PlainYaml.Map(Repository.Text(Cases)).Items("tests");
        Assert.Equal(
            groups.SelectMany(g => g.Items("rules")).Select(r => (string)r.At("alert")!).Order(StringComparer.Ordinal),
            cases.Select(c => (string)c.At("name")!).Distinct().Order(StringComparer.Ordinal));
        Assert.All(cases, tried =>
        {
            var sounding = tried.Items("promql_expr_test").Select(e => e.Items("exp_samples").Select(s => (string)s.At("labels")!).ToList()).ToList();
            Assert.Contains(sounding, s => s.Count == 0);
            Assert.Contains(sounding, s => s.Count > 0 && s.TrueForAll(labels => labels.Contains($"alertname=\"{tried.At("name")}\"", StringComparison.Ordinal)));
        });
    }
}
