using Xunit;

namespace AccessPlane.Tests.Integration.Deployment;

/// <summary>compose.yaml by the rules that it is written to; Docker itself has not run it here.</summary>
public sealed class ComposeTests
{
    private static readonly string[] Words =
        ["read_only", "cap_drop", "security_opt", "restart", "logging", "image", "build", "user", "networks", "environment", "secrets", "configs", "volumes", "tmpfs", "healthcheck",
            "profiles", "ports", "command", "depends_on", "hostname"];

    private readonly Dictionary<string, object?> compose = PlainYaml.Map(Repository.Text("infra/deploy/compose.yaml"));

    [Fact]
    public void Every_service_is_closed_and_watched() => Assert.All(compose.Members("services"), service =>
    {
        Assert.All(((Dictionary<string, object?>)service.Value!).Keys, word => Assert.Contains(word, Words));
        Assert.Equal(true, service.Value.At("read_only"));
        Assert.Equal(["ALL"], service.Value.Items("cap_drop"));
        Assert.Equal(["no-new-privileges:true"], service.Value.Items("security_opt"));
        Assert.Matches("^[1-9][0-9]*:[1-9][0-9]*$", (string)service.Value.At("user")!);
        Assert.Matches("^[a-z/-]+:[0-9][a-z0-9.-]*$", (string)service.Value.At("image")!);
        Assert.Equal("CMD", service.Value.Items("healthcheck.test")[0]);
        Assert.Contains("/tmp", service.Value.Items("tmpfs"));
        Assert.All(service.Value.Members("environment"), variable => Assert.DoesNotMatch("(?i)(password|secret|token)$", variable.Key));
    });

    [Fact]
    public void Everything_that_a_service_names_is_there()
    {
        foreach (var (name, service) in compose.Members("services"))
        {
            foreach (var (what, used) in new[] { "networks", "secrets", "configs" }.SelectMany(w => service.Items(w).Select(u => (w, u))))
            {
                Assert.True(compose.Members(what).ContainsKey((string)(used.At("source") ?? used)!), $"{name}: {what} has no {used}");
            }
            Assert.All(service.Items("volumes"), v => Assert.Contains(((string)v!).Split(':')[0], compose.Members("volumes").Keys));
            Assert.All(service.Members("depends_on"), d =>
            {
                Assert.Contains(d.Key, compose.Members("services").Keys);
                Assert.Equal("service_healthy", d.Value.At("condition"));
            });
            if (service.At("build.dockerfile") is string dockerfile)
            {
                Assert.True(File.Exists(Repository.Path(dockerfile)));
            }
        }
        Assert.All(compose.Members("configs"), c => Assert.True(File.Exists(Repository.Path($"infra/deploy/{c.Value.At("file")}"))));
    }

    /// <summary>By a validator of JSON Schema and a reader of YAML that know nothing of us; what is wrong with the others shows that they look.</summary>
    [Fact]
    public async Task It_is_what_the_schema_of_the_compose_specification_describes()
    {
        var whole = Repository.Text("infra/deploy/compose.yaml");
        (string Right, string Wrong)[] mistakes =
            [("read_only: true", "read-only: true"), ("interval: 5s", "interval: 5"), ("condition: service_healthy", "condition: healthy"), ("internal: true", "internal: [true]"), ("\nsecrets:", "\nsecret:")];
        var folder = Directory.CreateTempSubdirectory("accessplane-compose-").FullName;
        try
        {
            List<string> files = [Repository.Path("infra/deploy/compose.yaml")];
            foreach (var (right, wrong) in mistakes)
            {
                files.Add($"{folder}/{files.Count}.yaml");
                await File.WriteAllTextAsync(files[^1], whole.Replace(right, wrong, StringComparison.Ordinal), TestContext.Current.CancellationToken);
            }
            var said = (await Repository.Succeeds("node", [Repository.Path("tests/EndToEnd/clients/node/compose-schema.mjs"), .. files])).TrimEnd('\n').Split('\n');
            Assert.Equal(files.Count, said.Length);
            Assert.Equal("ok", said[0]);
            Assert.All(said[1..], s => Assert.Contains(" must ", s, StringComparison.Ordinal));
        }
        finally
        {
            Directory.Delete(folder, true);
        }
    }

    [Fact]
    public void Only_the_agent_reaches_the_database_and_only_the_control_plane_the_log()
    {
        IEnumerable<string> On(string network) => compose.Members("services").Where(s => s.Value.Items("networks").Contains(network)).Select(s => s.Key).Order();

        Assert.Equal(["agent", "database"], On("database"));
        Assert.Equal(["control-plane", "log"], On("log"));
        Assert.Equal(["agent", "control-plane", "rabbitmq"], On("broker"));
        Assert.All(["database", "log", "broker"], network => Assert.Equal(true, compose.At($"networks.{network}.internal")));
        Assert.Equal(["agent", "control-plane"], compose.Members("services").Where(s => s.Value.Items("ports").Count > 0).Select(s => s.Key).Order());
        Assert.Contains("max_message_size = 33554432", Repository.Text("infra/deploy/docker/rabbitmq.conf"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_secret_that_is_named_is_made_and_stays_as_it_was_made()
    {
        var folder = Directory.CreateTempSubdirectory("accessplane-secrets-").FullName;
        try
        {
            await Repository.Succeeds(Repository.Path("infra/deploy/make-secrets"), folder);
            Assert.All(compose.Members("secrets"), s => Assert.True(File.Exists($"{folder}/{Path.GetFileName((string)s.Value.At("file")!)}"), s.Key));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(folder));
            var before = Directory.EnumerateFiles(folder).Order().Select(File.ReadAllText).ToList();
            await Repository.Succeeds(Repository.Path("infra/deploy/make-secrets"), folder);
            Assert.Equal(before, Directory.EnumerateFiles(folder).Order().Select(File.ReadAllText));
        }
        finally
        {
            Directory.Delete(folder, true);
        }
    }
}
