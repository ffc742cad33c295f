using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd;

/// <summary>What the documentation tells people to type is typed, page by page, against the whole product.</summary>
public sealed class DocsTests(TestWorld world) : IAsyncLifetime
{
    private const string FirstDatabase = "docs/first-database.md", Compose = "docs/install-compose.md", Kubernetes = "docs/install-kubernetes.md", Systemd = "docs/install-systemd.md";

    private readonly string folder = Directory.CreateTempSubdirectory("accessplane-docs-").FullName;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        Directory.Delete(folder, recursive: true);
        await world.Rules(inForce: false);
    }

    [Fact]
    public void Every_command_is_run_or_says_why_not()
    {
        foreach (var block in DocsPage.All.SelectMany(p => p.Blocks).Where(b => b.Language == "sh"))
        {
            Assert.True(block.Mark is "run" or "config" || block.Mark.StartsWith("not run: ", StringComparison.Ordinal),
                $"{block.Page}:{block.Line}: a block without a mark (`<!-- run -->`, or `<!-- not run: why -->`)");
        }
        // each of them by a test below
        Assert.Equal([FirstDatabase, Compose, Kubernetes, Systemd], DocsPage.All.Where(p => p.Blocks.Any(b => b.Mark == "run")).Select(p => p.Name));
    }

    [Theory]
    [InlineData(FirstDatabase)]
    public async Task What_a_page_says_to_do_works_in_its_order(string page)
    {
        await Forget();
        var server = new NpgsqlConnectionStringBuilder(TestWorld.Orders);
        var environment = new Dictionary<string, string>(TestWorld.Settings)
        {
            ["ACCESSPLANE_URL"] = world.Url,
            ["OIDC_ISSUER"] = world.Issuer,
            ["ACCESSPLANE_AGENT"] = TestWorld.Program("agent", "Agent"),
            ["AGENT_PORT"] = FreePort(),
            ["AGENT_HEALTH_PORT"] = FreePort(),
            ["DATABASE_ADMIN_URL"] = $"postgresql://{server.Username}:{server.Password}@localhost:{server.Port}/postgres",
            ["DATABASE_HOST"] = "localhost",
            ["DATABASE_PORT"] = $"{server.Port}",
            ["DATABASE_CA"] = world.Ca,
        };
        var ran = (await Run.ToEnd("bash", ["-euo", "pipefail", "-c", WhatIsRunOf(page)], environment)).Succeeded();
        Assert.Contains("say which rows", ran.Output, StringComparison.Ordinal);
        Assert.Matches(@"still_there\s+-+\s+3", ran.Output);
        (await world.Api.Post("admin", "/v1/agents/billing-agent/retire", new { reason = "the page is read" })).Is(204);
        await Forget();
    }

    /// <summary>In a copy: beside the repository's own compose.yaml somebody's secrets may stand.</summary>
    [Fact]
    public async Task The_secrets_that_the_composition_reads_are_made_as_its_page_says()
    {
        const string InACopy = """
            tar --create --exclude=infra/deploy/secrets infra/deploy | tar --extract --directory="$1"
            cd "$1"
            """;
        (await Run.ToEnd("bash", ["-euo", "pipefail", "-c", $"{InACopy}\n{WhatIsRunOf(Compose)}", "bash", folder])).Succeeded();
        var composition = await File.ReadAllTextAsync($"{folder}/infra/deploy/compose.yaml", TestContext.Current.CancellationToken);
        var read = Regex.Matches(composition, @"\{ file: (secrets/[^ }]+) \}").Select(m => m.Groups[1].Value).ToList();
        Assert.Contains("secrets/enrolment-token", read);
        Assert.All(read, secret => Assert.True(File.Exists($"{folder}/infra/deploy/{secret}"), secret));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode($"{folder}/infra/deploy/secrets"));
    }

    /// <summary>With mounts of its own over /etc, /opt and /run, which nobody else sees and which end with it.</summary>
    [Fact]
    public async Task What_the_page_of_systemd_installs_is_where_its_units_look_for_it()
    {
        Assert.SkipUnless(File.Exists($"{TestWorld.Root}/artifacts/publish/agent/accessplane-agent") && File.Exists($"{TestWorld.Root}/artifacts/publish/control-plane/accessplane-control-plane"),
            "nothing is published: infra/publish does that, and so does a run of every test");
        Assert.SkipUnless((await Run.ToEnd("unshare", ["--mount", "mount", "-t", "tmpfs", "accessplane-test", folder])).Status == 0, "only who may mount can install where nobody else sees it");
        const string Apart = """
            exec 2>&1
            ulimit -c 0
            mount -t tmpfs -o mode=755 accessplane-test "$1"
            cp -a /etc/. "$1"
            mount --bind "$1" /etc
            for hidden in /opt /run; do mount -t tmpfs accessplane-test "$hidden"; done
            """;
        // what each service needs: its files, its credentials as systemd would hand them over, its program as ExecStart has it
        const string Looked = """
            [[ $(stat -c %a /etc/accessplane/secrets) == 700 ]]
            infra/deploy/make-secrets /etc/accessplane/secrets
            cd /run
            grep -hE '^(ExecStart|EnvironmentFile|LoadCredential|Documentation)=' /etc/systemd/system/accessplane-*.service | grep -oE '/[^ :]+' |
              while read -r file; do [[ -e $file ]] || { echo "$file is not there"; exit 1; }; echo "$file is there"; done
            systemd-analyze verify accessplane-control-plane.service accessplane-agent.service
            credentials=/run/credentials/accessplane-agent.service
            mkdir -p "$credentials"
            sed -n 's/^LoadCredential=\(.*\):\(.*\)/\2 \1/p' /etc/systemd/system/accessplane-agent.service | while read -r file name; do cp "$file" "$credentials/$name"; done
            starts() { sed -n 's/^ExecStart=//p' "/etc/systemd/system/accessplane-$1.service"; }
            echo '=== agent'
            $(starts agent) || echo "ended with $?"
            echo '=== control plane'
            set -a
            source /etc/accessplane/control-plane.env
            $(starts control-plane) || echo "ended with $?"
            """;
        var ran = (await Run.ToEnd("unshare", ["--mount", "bash", "-euo", "pipefail", "-c", $"{Apart}\n{WhatIsRunOf(Systemd)}\n{Looked}", "bash", folder])).Succeeded();
        var secrets = Regex.Matches(ran.Output, "^/etc/accessplane/secrets/(.*) is there$", RegexOptions.Multiline).Select(m => m.Groups[1].Value).ToList();
        Assert.Equal(7, secrets.Count);
        Assert.All(secrets, secret => Assert.Contains($"`{secret}`", DocsPage.Of(Systemd).Text, StringComparison.Ordinal));
        var (agent, controlPlane) = (ran.Output.Split("=== agent\n")[1].Split("=== control plane\n")[0], ran.Output.Split("=== control plane\n")[1]);
        // the one file that the page leaves to whoever installs it
        Assert.Equal("`listeners[0].upstream.rootCertificate`: `/etc/accessplane/database-ca.pem` does not exist\nended with 2\n", agent);
        Assert.Equal("`ConnectionStrings:Log` is not set: it names the log's database\nended with 2\n", controlPlane);
    }

    /// <summary>By the real kubectl, which makes each object and, without a cluster, sends it nowhere.</summary>
    [Fact]
    public async Task The_secrets_that_the_chart_reads_are_made_as_the_page_of_Kubernetes_says()
    {
        const string ToNoCluster = """
            cd "$1"
            export HOME=$1 KUBECONFIG=/dev/null
            for file in enrolment-token database-password tls.crt tls.key; do echo "in $file" >"$file"; done
            kubectl() { command kubectl "$@" --dry-run=client -o json | jq -r '"\(.kind) \(.metadata.name): \(.data | keys | join(" "))"'; }
            """;
        var ran = (await Run.ToEnd("bash", ["-euo", "pipefail", "-c", $"{ToNoCluster}\n{WhatIsRunOf(Kubernetes)}", "bash", folder])).Succeeded();
        var values = await File.ReadAllTextAsync($"{TestWorld.Root}/infra/deploy/helm/accessplane/values.yaml", TestContext.Current.CancellationToken);
        var (controlPlane, agent) = (Named(values, @"^  secret: (\S+)$").Single(), Named(values, @"^    secret: (\S+)$").Single());
        var unit = await File.ReadAllTextAsync($"{TestWorld.Root}/infra/deploy/systemd/accessplane-control-plane.service", TestContext.Current.CancellationToken);
        var template = await File.ReadAllTextAsync($"{TestWorld.Root}/infra/deploy/helm/accessplane/templates/agents.yaml", TestContext.Current.CancellationToken);
        var (ofControlPlane, ofAgents) = (Named(unit, "^LoadCredential=([^:]+):"), Named(template, "\"/etc/accessplane/secrets/([^\"]+)\""));
        Assert.Equal($"Secret {controlPlane}: {string.Join(' ', ofControlPlane)}\nSecret {agent}: {string.Join(' ', ofAgents)}\n", ran.Output);

        static IEnumerable<string> Named(string text, string pattern) =>
            Regex.Matches(text, pattern, RegexOptions.Multiline).Select(m => m.Groups[1].Value).Distinct().Order(StringComparer.Ordinal);
    }

    [Fact]
    public async Task The_cookbook_is_one_document_without_a_problem()
    {
        var document = string.Concat(DocsPage.Of("docs/policy-cookbook.md").Blocks.Where(b => b.Mark == "policy").Select(b => b.Text));
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{world.Url}/v1/policies/validate") { Content = new StringContent(document, System.Text.Encoding.UTF8, "application/yaml") };
        request.Headers.Authorization = new("Bearer", await world.Api.Token("admin"));
        using var http = new HttpClient();
        using var answer = await http.SendAsync(request, TestContext.Current.CancellationToken);
        var said = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(answer.IsSuccessStatusCode && said.Contains("\"valid\":true", StringComparison.Ordinal), said);
    }

    private static string WhatIsRunOf(string page) => string.Join('\n', DocsPage.Of(page).Blocks.Where(b => b.Mark == "run").Select(b => b.Text));

    private static async Task Forget()
    {
        await using var server = new NpgsqlConnection(TestWorld.Orders);
        await server.OpenAsync(TestContext.Current.CancellationToken);
        foreach (var sql in new[] { "DROP DATABASE IF EXISTS billing WITH (FORCE)", "DROP ROLE IF EXISTS billing_agent" })
        {
            await using var drop = new NpgsqlCommand(sql, server);
            await drop.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }
    }

    private static string FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return $"{((IPEndPoint)listener.LocalEndpoint).Port}";
    }
}
