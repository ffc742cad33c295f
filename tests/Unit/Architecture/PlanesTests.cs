using System.Reflection;
using Xunit;

namespace AccessPlane.Tests.Unit.Architecture;

/// <summary>Contracts ← Projections ← ControlPlane, Contracts ← Agent, Contracts ← Cli, and nothing else.</summary>
public sealed class PlanesTests
{
    private static readonly Assembly Contracts = typeof(AccessPlane.Contracts.IEvent).Assembly;
    private static readonly Assembly Agent = typeof(AccessPlane.Agent.Gate.Permit).Assembly;
    private static readonly Assembly Projections = typeof(AccessPlane.Projections.Projector).Assembly;
    private static readonly Assembly ControlPlane = typeof(AccessPlane.ControlPlane.EventStore.EventLog).Assembly;

    private static readonly Assembly Cli = typeof(AccessPlane.Cli.Terminal.Exit).Assembly;

    private static HashSet<string> References(Assembly assembly) => [.. assembly.GetReferencedAssemblies().Select(a => a.Name!)];

    [Fact]
    public void Contracts_need_nothing_but_the_base_class_library() =>
        Assert.All(References(Contracts), name => Assert.True(name.StartsWith("System.", StringComparison.Ordinal), $"Contracts must not need {name}"));

    [Fact]
    public void The_agent_knows_neither_the_log_nor_the_control_plane()
    {
        var references = References(Agent);
        Assert.DoesNotContain("Npgsql", references);
        Assert.DoesNotContain(ControlPlane.GetName().Name!, references);
        Assert.DoesNotContain("AccessPlane.Projections", references);
    }

    [Fact]
    public void Read_models_need_the_contracts_and_the_database_and_nothing_that_writes() => Assert.All(
        References(Projections), name => Assert.True(
            name is "AccessPlane.Contracts" or "Npgsql" || name.StartsWith("System.", StringComparison.Ordinal), $"Projections must not need {name}"));

    [Fact]
    public void The_control_plane_does_not_know_the_agent() => Assert.DoesNotContain(Agent.GetName().Name!, References(ControlPlane));

    [Fact]
    public void The_command_line_is_a_client_and_knows_neither_plane() => Assert.All(
        References(Cli), name => Assert.True(
            name is "AccessPlane.Contracts" or "System.CommandLine" || name.StartsWith("Spectre.Console", StringComparison.Ordinal) || name.StartsWith("System.", StringComparison.Ordinal) ||
            name.StartsWith("Microsoft.Win32.", StringComparison.Ordinal), $"the command line must not need {name}"));

    [Theory]
    [InlineData("AccessPlane.Agent.Relay", "Protocols", "Gate", "Directives", "Recording")]
    [InlineData("AccessPlane.Agent.Gate", "Protocols", "Relay")]
    [InlineData("AccessPlane.Agent.Directives", "Protocols", "Relay")]
    [InlineData("AccessPlane.Agent.Recording", "Protocols", "Relay")]
    public void In_the_agent_a_lower_layer_never_names_a_higher_one(string layer, params string[] higher)
    {
        foreach (var type in Agent.GetTypes().Where(t => t.Namespace == layer))
        {
            const BindingFlags all = BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
            var named = type.GetFields(all).Select(f => f.FieldType)
                .Concat(type.GetProperties(all).Select(p => p.PropertyType))
                .Concat(type.GetMethods(all).SelectMany(m => m.GetParameters().Select(p => p.ParameterType).Append(m.ReturnType)))
                .Concat(type.GetConstructors(all).SelectMany(c => c.GetParameters().Select(p => p.ParameterType)));
            Assert.All(named, n => Assert.DoesNotContain(higher, h => (n.Namespace ?? "").StartsWith($"AccessPlane.Agent.{h}", StringComparison.Ordinal)));
        }
    }
}
