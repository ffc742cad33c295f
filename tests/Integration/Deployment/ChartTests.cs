using System.Text.Json;
using System.Text.Json.Serialization;
using AccessPlane.Agent;
using k8s.Models;
using Xunit;

namespace AccessPlane.Tests.Integration.Deployment;

/// <summary>
/// The chart, rendered by <see cref="HelmTemplate"/> and read with Kubernetes' own models, in which members that are not known are refused. Helm itself
/// and an API server have not seen it here.
/// </summary>
public sealed class ChartTests
{
    private const string Chart = "infra/deploy/helm/accessplane";
    private static readonly JsonSerializerOptions Strict = new() { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow };

    private static readonly Dictionary<string, Type> Kinds = new()
    {
        ["v1/ServiceAccount"] = typeof(V1ServiceAccount),
        ["v1/ConfigMap"] = typeof(V1ConfigMap),
        ["v1/Service"] = typeof(V1Service),
        ["v1/PersistentVolumeClaim"] = typeof(V1PersistentVolumeClaim),
        ["apps/v1/Deployment"] = typeof(V1Deployment),
        ["apps/v1/StatefulSet"] = typeof(V1StatefulSet),
        ["policy/v1/PodDisruptionBudget"] = typeof(V1PodDisruptionBudget),
        ["networking.k8s.io/v1/NetworkPolicy"] = typeof(V1NetworkPolicy),
    };

    /// <summary>What is not set, and everything that can be set.</summary>
    private const string Everything = """
        controlPlane:
          replicas: 2
          keys: { storageClass: shared, accessMode: ReadWriteMany, size: 1Gi }
          checkpoints: { storageClass: worm, accessMode: ReadWriteMany, size: 10Gi }
          callers: [{ namespaceSelector: { matchLabels: { team: platform } } }]
          egress: [{ to: [{ ipBlock: { cidr: 10.0.0.0/8 } }] }]
        agents:
          - id: billing-agent
            secret: billing-agent
            clients: [{ ipBlock: { cidr: 10.1.0.0/16 } }]
            egress: [{ to: [{ ipBlock: { cidr: 10.2.0.0/16 } }] }]
            spool: { storageClass: fast, size: 5Gi }
            service: { type: LoadBalancer, annotations: { internal: "true" } }
            listeners:
              - resource: billing
                port: 6432
                advertise: { host: billing.example, port: 5432 }
                upstream: { host: billing.internal, port: 5432, user: accessplane_agent, tls: disable }
              - resource: archive
                port: 6433
                advertise: { host: billing.example, port: 5433 }
                upstream: { host: archive.internal, port: 5432, user: accessplane_agent }
        imagePullSecrets: [{ name: registry }]
        telemetry: { endpoint: "http://collector.monitoring:4317" }
        alerts: { enabled: true, labels: { release: prometheus } }
        """;

    [Theory]
    [InlineData("")]
    [InlineData(Everything)]
    public void It_renders_objects_in_which_Kubernetes_knows_every_member(string values)
    {
        var objects = Rendered(values);
        Assert.NotEmpty(objects);
        Assert.Equal(objects.Count, objects.Select(o => (o.At("kind"), o.At("metadata.name"))).Distinct().Count());
        Assert.All(objects.Where(o => !IsRule(o)), o => Assert.NotNull(Read(o)));
        Assert.Equal(values.Length > 0, objects.Any(IsRule));
    }

    [Theory]
    [InlineData("")]
    [InlineData(Everything)]
    public void Every_pod_is_restricted_bounded_and_knows_nothing_of_the_cluster(string values)
    {
        var pods = Rendered(values).Where(o => !IsRule(o)).Select(Read).Select(o => (o as V1Deployment)?.Spec.Template.Spec ?? (o as V1StatefulSet)?.Spec.Template.Spec).OfType<V1PodSpec>().ToList();
        Assert.Equal(2, pods.Count);
        Assert.All(pods, pod =>
        {
            Assert.False(pod.AutomountServiceAccountToken);
            Assert.NotNull(pod.ServiceAccountName);
            Assert.True(pod.SecurityContext.RunAsNonRoot);
            Assert.True(pod.SecurityContext.RunAsUser > 0);
            Assert.Equal("RuntimeDefault", pod.SecurityContext.SeccompProfile.Type);
            Assert.True(pod.HostNetwork is null && pod.HostPID is null && pod.HostIPC is null && pod.InitContainers is null);
            Assert.All(pod.Volumes, v => Assert.Null(v.HostPath));
            Assert.All(pod.Containers, c =>
            {
                Assert.False(c.SecurityContext.AllowPrivilegeEscalation);
                Assert.True(c.SecurityContext.ReadOnlyRootFilesystem);
                Assert.Equal(["ALL"], c.SecurityContext.Capabilities.Drop);
                Assert.True(c.SecurityContext.Privileged is null && c.SecurityContext.Capabilities.Add is null);
                Assert.True(c.Resources.Requests.ContainsKey("cpu") && c.Resources.Requests.ContainsKey("memory") && c.Resources.Limits.ContainsKey("memory"));
                Assert.Equal("/health/live", c.LivenessProbe.HttpGet.Path);
                Assert.Equal("/health/ready", c.ReadinessProbe.HttpGet.Path);
                Assert.NotNull(c.StartupProbe);
                Assert.All(c.Env ?? [], e => Assert.DoesNotContain("assword", e.Value, StringComparison.Ordinal));
                Assert.All(c.VolumeMounts, m => Assert.Contains(pod.Volumes.Select(v => v.Name).Append("state"), n => n == m.Name));
            });
        });
    }

    [Fact]
    public void Selectors_find_their_pods_and_policies_close_what_is_named()
    {
        var objects = Rendered(Everything).Where(o => !IsRule(o)).Select(Read).ToList();
        var pods = objects.OfType<V1Deployment>().Select(d => d.Spec.Template.Metadata.Labels).Concat(objects.OfType<V1StatefulSet>().Select(s => s.Spec.Template.Metadata.Labels)).ToList();
        var selectors = objects.OfType<V1Service>().Select(s => s.Spec.Selector)
            .Concat(objects.OfType<V1NetworkPolicy>().Select(p => p.Spec.PodSelector.MatchLabels)).Concat(objects.OfType<V1PodDisruptionBudget>().Select(b => b.Spec.Selector.MatchLabels))
            .Concat(objects.OfType<V1Deployment>().Select(d => d.Spec.Selector.MatchLabels)).Concat(objects.OfType<V1StatefulSet>().Select(s => s.Spec.Selector.MatchLabels)).ToList();
        Assert.Equal(8, selectors.Count);
        Assert.All(selectors, s => Assert.Single(pods, p => s.All(p.Contains)));
        Assert.All(objects.OfType<V1NetworkPolicy>(), p =>
        {
            Assert.Equal(["Ingress", "Egress"], p.Spec.PolicyTypes);
            Assert.All(p.Spec.Ingress, rule => Assert.NotEmpty(rule.FromProperty));
            Assert.All(p.Spec.Egress, rule => Assert.True(rule.To is { Count: > 0 } || rule.Ports.All(port => port.Port.Value == "53")));
        });
    }

    [Theory]
    [InlineData("")]
    [InlineData(Everything)]
    public void The_agents_read_the_configuration_that_it_writes(string values)
    {
        var text = Rendered(values).Where(o => !IsRule(o)).Select(Read).OfType<V1ConfigMap>().Single().Data["agent.json"];
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, text);
            var (config, problems) = AgentConfig.Read(file, _ => null);
            // of the files that it names none is on this machine; nothing else is wrong with it
            Assert.True(config is not null || problems.All(p => p.EndsWith("does not exist", StringComparison.Ordinal)), string.Join('\n', problems));
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>A comma in a text without quotation marks begins another annotation.</summary>
    [Fact]
    public void Every_alarm_has_an_expression_and_says_in_one_sentence_what_it_is_about()
    {
        var alarms = Rendered(Everything).Single(IsRule).Items("spec.groups").SelectMany(g => g.Items("rules")).ToList();
        Assert.NotEmpty(alarms);
        Assert.All(alarms, alarm =>
        {
            Assert.IsType<string>(alarm.At("expr"));
            Assert.IsType<string>(alarm.At("annotations.summary"));
            Assert.Equal("summary", string.Join(',', alarm.Members("annotations").Keys));
        });
    }

    [Fact]
    public void Its_schema_takes_its_values_and_refuses_others()
    {
        var schema = new ValuesSchema(Repository.Text($"{Chart}/values.schema.json"));
        Assert.Empty(schema.Problems(Values("")));
        Assert.Empty(schema.Problems(Values(Everything)));
        Assert.NotEmpty(schema.Problems(Values("controlPlane: { replica: 2 }")));
        Assert.NotEmpty(schema.Problems(Values("controlPlane: { image: 'accessplane/control-plane:latest' }")));
        Assert.NotEmpty(schema.Problems(Values("controlPlane: { agentBroker: 'amqps://user:word@broker/' }")));
        Assert.NotEmpty(schema.Problems(Values("surprise: true")));
    }

    private static bool IsRule(object? value) => value.At("kind") is "PrometheusRule";

    private static object Read(object? value) =>
        JsonSerializer.Deserialize(JsonSerializer.Serialize(value), Kinds[$"{value.At("apiVersion")}/{value.At("kind")}"], Strict)!;

    internal static List<object?> Rendered(string values)
    {
        var templates = new HelmTemplate();
        foreach (var file in Directory.EnumerateFiles(Repository.Path($"{Chart}/templates")).Order(StringComparer.Ordinal))
        {
            templates.Add(Path.GetFileName(file), File.ReadAllText(file));
        }
        var root = new Dictionary<string, object?> { ["Values"] = Values(values), ["Release"] = new Dictionary<string, object?> { ["Name"] = "ap" } };
        return [.. templates.Files.SelectMany(f => PlainYaml.Documents(templates.Render(f, root))).Where(d => d is Dictionary<string, object?>)];
    }

    private static Dictionary<string, object?> Values(string values)
    {
        var all = PlainYaml.Map(Repository.Text($"{Chart}/values.yaml"));
        return values.Length == 0 ? all : Over(all, PlainYaml.Map(values));
    }

    /// <summary>As Helm lays values over those of the chart: maps are merged, all else is replaced.</summary>
    private static Dictionary<string, object?> Over(Dictionary<string, object?> below, Dictionary<string, object?> above)
    {
        foreach (var (name, value) in above)
        {
            below[name] = below.GetValueOrDefault(name) is Dictionary<string, object?> map && value is Dictionary<string, object?> with ? Over(map, with) : value;
        }
        return below;
    }
}
