using AccessPlane.ControlPlane.Broker;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace AccessPlane.Tests.Unit.Broker;

public sealed class BrokerOptionsTests
{
    private static BrokerOptions Read(string agentUri, string? another = null)
    {
        var settings = new Dictionary<string, string?>
        {
            ["Broker:Uri"] = "amqp://control-plane:its-own@broker:5672/",
            ["Broker:ManagementUri"] = "http://broker:15672",
            ["Broker:AgentUri"] = agentUri,
            [another ?? "Broker:AgentUri"] = agentUri,
        };
        using var services = new ServiceCollection().AddBroker(new ConfigurationBuilder().AddInMemoryCollection(settings).Build()).BuildServiceProvider();
        return services.GetRequiredService<IOptions<BrokerOptions>>().Value;
    }

    [Theory]
    [InlineData("amqp://control-plane:its-own@broker:5672/")]
    [InlineData("amqps://control-plane@broker/")]
    public void What_agents_and_approvers_are_told_holds_nobodys_password(string agentUri) => Assert.Equal(
        ["Broker:AgentUri must hold no user and no password: each agent is given its own"], Assert.Throws<OptionsValidationException>(() => Read(agentUri)).Failures);

    [Fact]
    public void An_address_alone_is_taken() => Assert.Equal("amqps://broker:5671/", Read("amqps://broker:5671/").AgentUri);

    [Fact]
    public void A_name_that_is_not_known_is_said_and_not_left_out() => Assert.Contains(
        "`AgentUrl` is not known", Assert.Single(Assert.Throws<OptionsValidationException>(() => Read("amqps://broker:5671/", "Broker:AgentUrl")).Failures), StringComparison.Ordinal);
}
