using System.Text.Json;
using System.Text.RegularExpressions;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.ControlPlane.CommandLine;
using AccessPlane.ControlPlane.Console;
using AccessPlane.ControlPlane.Evidence;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Integrations;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd;

/// <summary>What the documentation and the first page name is there: settings, metrics, calls, files, links.</summary>
public sealed partial class DocsReferenceTests(TestWorld world)
{
    private static readonly Dictionary<string, Type?> Sections = new()
    {
        ["Identity"] = typeof(IdentityOptions),
        ["Roles"] = typeof(RoleOptions),
        ["Limits"] = typeof(LimitOptions),
        ["Broker"] = typeof(BrokerOptions),
        ["Evidence"] = typeof(EvidenceOptions),
        ["Console"] = typeof(ConsoleOptions),
        ["CommandLine"] = typeof(CommandLineOptions),
        ["Integrations"] = typeof(IntegrationOptions),
    };

    /// <summary>Settings that belong to no class of options.</summary>
    private static readonly string[] Others = ["ConnectionStrings:Log", "Keys:Path", "Secrets:Path"];

    private static IEnumerable<DocsPage> Pages => DocsPage.All.Prepend(DocsPage.Of("README.md"));

    [Fact]
    public void Every_setting_exists()
    {
        string[] deployed = ["infra/deploy/compose.yaml", "infra/deploy/systemd/control-plane.env", "infra/deploy/helm/accessplane/values.yaml", "infra/deploy/helm/accessplane/templates/control-plane.yaml"];
        var named = Pages.Select(p => (p.Name, p.Text)).Concat(deployed.Select(f => (Name: f, Text: File.ReadAllText($"{TestWorld.Root}/{f}"))))
            // `Integrations__Destinations__NAME__…` leaves open what of it is set
            .SelectMany(p => Setting().Matches(p.Text).Select(m => (p.Name, Key: m.Value.Replace("__", ":", StringComparison.Ordinal).TrimEnd(':')))).Distinct().ToList();
        Assert.True(named.Count > 60, $"only {named.Count} settings were found");
        Assert.All(Sections.Keys, section => Assert.Contains(named, n => n.Key.Split(':')[0] == section));
        Assert.All(named, n => Assert.True(Others.Contains(n.Key) || Exists(Sections.GetValueOrDefault(n.Key.Split(':')[0]), n.Key.Split(':').AsSpan(1)), $"{n.Name}: there is no setting `{n.Key}`"));
    }

    [Fact]
    public void Every_metric_exists()
    {
        var counted = new[] { "DataPlane.Agent", "ControlPlane" }.SelectMany(f => Directory.EnumerateFiles($"{TestWorld.Root}/{f}", "*.cs", SearchOption.AllDirectories))
            .SelectMany(f => Instrument().Matches(File.ReadAllText(f))).ToDictionary(m => m.Groups["name"].Value, m => (Kind: m.Groups["kind"].Value, Unit: m.Groups["unit"].Value));
        var named = Pages.SelectMany(p => Metric().Matches(p.Text).Select(m => (p.Name, Metric: m.Groups["name"].Value))).ToList();
        Assert.NotEmpty(named);
        Assert.All(named, n => Assert.True(counted.ContainsKey(n.Metric), $"{n.Name}: there is no metric `{n.Metric}`"));
        Assert.All(counted.Keys, metric => Assert.Contains(metric, named.Select(n => n.Metric)));

        // as OpenTelemetry's rules have them for Prometheus
        var exported = counted.Select(c => c.Key.Replace('.', '_') + c.Value.Unit switch { "ms" => "_milliseconds", "s" => "_seconds", "By" => "_bytes", "1" => "_ratio", _ => "" } +
            (c.Value.Kind == "Counter" ? "_total" : "")).ToHashSet();
        var alerts = File.ReadAllText($"{TestWorld.Root}/infra/deploy/helm/accessplane/templates/alerts.yaml");
        Assert.All(Exported().Matches(alerts), m => Assert.Contains(m.Value, exported));
        Assert.All(Alert().Matches(alerts), m => Assert.Contains($"| {m.Groups["name"].Value} |", DocsPage.Of("docs/operations.md").Text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Every_call_exists()
    {
        using var http = new HttpClient();
        var api = JsonSerializer.Deserialize<JsonElement>(await http.GetStringAsync(new Uri($"{world.Url}/openapi/v1.json"), TestContext.Current.CancellationToken));
        var known = api.GetProperty("paths").EnumerateObject().SelectMany(p => p.Value.EnumerateObject().Select(o => Call(o.Name, p.Name))).ToHashSet();
        var named = Pages.SelectMany(p => Endpoint().Matches(p.Text).Select(m => (p.Name, Call: Call(m.Groups["method"].Value, m.Groups["path"].Value)))).ToList();
        Assert.True(named.Count > 25, $"only {named.Count} calls were found");
        Assert.All(named, n => Assert.True(known.Any(k => Fits(n.Call, k)), $"{n.Name}: there is no call `{n.Call}`"));
    }

    [Fact]
    public void Every_file_and_every_link_leads_somewhere()
    {
        foreach (var page in Pages)
        {
            foreach (Match link in Link().Matches(page.Text))
            {
                var (path, anchor) = (link.Groups["path"].Value, link.Groups["anchor"].Value);
                var file = path.Length == 0 ? page.Name : Path.GetRelativePath(TestWorld.Root, Path.GetFullPath(Path.Combine(TestWorld.Root, Path.GetDirectoryName(page.Name)!, path)));
                Assert.True(Path.Exists($"{TestWorld.Root}/{file}"), $"{page.Name}: `{path}` leads nowhere");
                Assert.True(anchor.Length == 0 || Headings(file).Contains(anchor), $"{page.Name}: `{file}` has no heading `{anchor}`");
            }
            Assert.All(Script().Matches(page.Text), m => Assert.True(Path.Exists($"{TestWorld.Root}/{m.Groups["path"].Value}"), $"{page.Name}: there is no `{m.Groups["path"].Value}`"));
        }
    }

    private static bool Exists(Type? type, ReadOnlySpan<string> names)
    {
        if (type is null || names.Length == 0)
        {
            return type is not null;
        }
        if (type.GetInterfaces().Append(type).FirstOrDefault(i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IDictionary<,>)) is { } map)
        {
            return Exists(map.GetGenericArguments()[1], names[1..]);
        }
        if (type.GetInterfaces().Append(type).FirstOrDefault(i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IList<>)) is { } list)
        {
            return (int.TryParse(names[0], out _) || names[0] is "n" or "[n]") && Exists(list.GetGenericArguments()[0], names[1..]);
        }
        return type.GetProperty(names[0]) is { } property && Exists(property.PropertyType, names[1..]);
    }

    /// <summary>`post /v1/agents/{}`: what is put in at a place has no name.</summary>
    private static string Call(string method, string path) => $"{method.ToUpperInvariant()} {Place().Replace(path.Split('?')[0], "{}")}";

    /// <summary>`keys/signing/rotate` is a `keys/{}/rotate`.</summary>
    private static bool Fits(string call, string known) => call.Split('/') is var said && known.Split('/') is var parts && said.Length == parts.Length &&
        said.Zip(parts).All(p => p.First == p.Second || p.Second == "{}");

    private static HashSet<string> Headings(string file) => [.. Heading().Matches(File.ReadAllText($"{TestWorld.Root}/{file}"))
        .Select(m => NotOfSlug().Replace(m.Groups["text"].Value.Trim().ToLowerInvariant(), "").Replace(' ', '-'))];

    [GeneratedRegex(@"\b(Identity|Roles|Limits|Broker|Evidence|Console|CommandLine|Integrations|Keys|Secrets|ConnectionStrings)(:|__)[A-Z]([A-Za-z0-9_]|:(?=[A-Za-z\[])|\[n\])*")]
    private static partial Regex Setting();

    [GeneratedRegex("""Create(?<kind>\w+?)(<\w+>)?\(\s*"(?<name>accessplane\.[a-z_.]+)"(?:,\s+(?:\(\) => [^"\n]*\s+)?"(?<unit>\w+)")?""", RegexOptions.ExplicitCapture)]
    private static partial Regex Instrument();

    [GeneratedRegex("`(?<name>accessplane\\.(?!example|approver|reviews|service|internal)[a-z_.]+)`", RegexOptions.ExplicitCapture)]
    private static partial Regex Metric();

    [GeneratedRegex(@"accessplane_\w+", RegexOptions.NonBacktracking)]
    private static partial Regex Exported();

    [GeneratedRegex(@"alert: (?<name>\w+)", RegexOptions.NonBacktracking)]
    private static partial Regex Alert();

    [GeneratedRegex(@"`(?<method>GET|POST|PUT|DELETE) (?<path>/v1/[^`\s]*)`", RegexOptions.NonBacktracking)]
    private static partial Regex Endpoint();

    [GeneratedRegex(@"\]\((?!https?:)(?<path>[^)#\s]*)(#(?<anchor>[^)]*))?\)", RegexOptions.ExplicitCapture)]
    private static partial Regex Link();

    [GeneratedRegex(@"`(?<path>(infra|docs|tests|ControlPlane|Contracts|DataPlane\.Agent)/[A-Za-z0-9_./-]*[A-Za-z0-9_/-])[`\s]", RegexOptions.ExplicitCapture)]
    private static partial Regex Script();

    [GeneratedRegex(@"^#+ (?<text>.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\p{L}\p{N} -]")]
    private static partial Regex NotOfSlug();

    [GeneratedRegex(@"\{[^}]*\}", RegexOptions.NonBacktracking)]
    private static partial Regex Place();
}
