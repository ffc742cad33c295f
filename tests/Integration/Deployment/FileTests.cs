using System.Text.RegularExpressions;
using Xunit;

namespace AccessPlane.Tests.Integration.Deployment;

/// <summary>Dockerfiles, units and scripts.</summary>
public sealed class FileTests
{
    [Theory]
    [InlineData("control-plane")]
    [InlineData("agent")]
    public void An_image_runs_as_nobody_from_pinned_bases_and_brings_nothing_from_elsewhere(string image)
    {
        var lines = Repository.Text($"infra/deploy/docker/{image}.Dockerfile").Replace("\\\n", " ", StringComparison.Ordinal).Split('\n');
        var from = lines.Where(l => l.StartsWith("FROM ", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, from.Count);
        Assert.All(from, l => Assert.Matches("^FROM [a-z0-9./-]+:(?!latest)[A-Za-z0-9._-]+( AS [a-z]+)?$", l));
        var last = lines.SkipWhile(l => l != from[1]).ToList();
        Assert.Equal("FROM debian:bookworm-slim", last[0]);
        Assert.Matches("^USER [1-9][0-9]*:[1-9][0-9]*$", last.Last(l => l.StartsWith("USER ", StringComparison.Ordinal)));
        Assert.DoesNotContain(lines, l => l.StartsWith("ADD ", StringComparison.Ordinal) || l.Contains("curl", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, l => Regex.IsMatch(l, "^(ARG|ENV) .*(PASSWORD|SECRET|TOKEN|KEY)=", RegexOptions.IgnoreCase));
        Assert.Contains(last, l => l.StartsWith("HEALTHCHECK ", StringComparison.Ordinal));
        foreach (var copied in last.Where(l => l.StartsWith("COPY infra/", StringComparison.Ordinal)).Select(l => l.Split(' ')[1]))
        {
            Assert.True(File.Exists(Repository.Path(copied)));
            Assert.Contains($"!{copied}", Repository.Text(".dockerignore").Split('\n'));
        }
        // an allow-list: what is not named stays outside
        Assert.Contains("*", Repository.Text(".dockerignore").Split('\n'));
    }

    /// <summary>With what is published in the place of what is installed: systemd looks whether a service's program is there.</summary>
    [Theory]
    [InlineData("control-plane")]
    [InlineData("agent")]
    public async Task A_unit_is_understood_by_systemd_and_exposes_little(string service)
    {
        var folder = Directory.CreateTempSubdirectory("accessplane-unit-").FullName;
        try
        {
            var unit = $"{folder}/accessplane-{service}.service";
            var text = Repository.Text($"infra/deploy/systemd/accessplane-{service}.service");
            Assert.Contains($"\nExecStart=/opt/accessplane/{service}/accessplane-{service}", text, StringComparison.Ordinal);
            await File.WriteAllTextAsync(unit, Regex.Replace(text, "(?m)^ExecStart=[^ \n]+", "ExecStart=/bin/true"), TestContext.Current.CancellationToken);
            await Repository.Succeeds("systemd-analyze", "verify", unit);
            await Repository.Succeeds("systemd-analyze", "security", "--offline=true", "--threshold=13", unit);
        }
        finally
        {
            Directory.Delete(folder, true);
        }
    }

    [Fact]
    public async Task What_units_may_call_includes_the_ring_that_sessions_go_by()
    {
        Assert.Contains("@aio", await Repository.Succeeds("systemd-analyze", "syscall-filter", "@system-service"), StringComparison.Ordinal);
        Assert.Contains("io_uring_setup", await Repository.Succeeds("systemd-analyze", "syscall-filter", "@aio"), StringComparison.Ordinal);
        Assert.Contains("SystemCallFilter=@system-service", Repository.Text("infra/deploy/systemd/accessplane-agent.service"), StringComparison.Ordinal);
    }

    /// <summary>Otherwise somebody who went by one of them could not sign in somewhere.</summary>
    [Fact]
    public void Who_signs_in_where_is_set_alike_in_every_deployment()
    {
        static List<string> OfPeople(IEnumerable<string> settings) => [.. settings.Where(s => Regex.IsMatch(s, "^(Identity|Roles|CommandLine)__")).Order(StringComparer.Ordinal)];
        var compose = OfPeople(PlainYaml.Map(Repository.Text("infra/deploy/compose.yaml")).Members("services.control-plane.environment").Keys);
        Assert.Contains("CommandLine__ClientId", compose);
        Assert.Equal(compose, OfPeople(PlainYaml.Map(Repository.Text("infra/deploy/helm/accessplane/values.yaml")).Members("controlPlane.settings").Keys));
        Assert.Equal(compose, OfPeople(Repository.Assignments("infra/deploy/systemd/control-plane.env").Select(g => g.Key)));
    }

    [Fact]
    public async Task Shellcheck_finds_nothing_in_any_script()
    {
        var scripts = Directory.EnumerateFiles(Repository.Path("infra"), "*", SearchOption.AllDirectories)
            .Where(f => !f.Contains("/node_modules/", StringComparison.Ordinal) && !f.Contains("/secrets/", StringComparison.Ordinal))
            .Where(f => f.EndsWith(".sh", StringComparison.Ordinal) || File.ReadLines(f).FirstOrDefault() is "#!/usr/bin/env bash")
            .Order(StringComparer.Ordinal).ToArray();
        Assert.True(scripts.Length > 25, $"only {scripts.Length} scripts were found");
        await Repository.Succeeds(TimeSpan.FromMinutes(10), "shellcheck", scripts);
    }
}
