using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.Resources;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Unit.Resources;

public sealed class RegisterResourceTests
{
    private static readonly ResourceRegistered Registered = new("orders", "postgresql");

    private static Situation<Resource> Given(params IEvent[] events) => new Specification<Resource>(Resource.Initial, Resource.Evolve).Given(events);

    private static Func<Resource, Outcome> Look(string text) => s => RegisterResource.Decide(s, "orders", World.With(text, 7).Policy);

    [Fact]
    public void A_resource_appears_with_the_policy_that_names_it_once()
    {
        Given().When(Look(World.Text)).Then(Registered);
        Given(Registered).When(Look(World.Text)).ThenNothing();
    }

    [Fact]
    public void It_retires_with_the_policy_that_does_not_name_it_any_more_and_may_come_back()
    {
        var retired = Given(Registered).When(Look("resources: []")).Then(typeof(ResourceRetired)).Events[0];
        Assert.Contains("version 7", ((ResourceRetired)retired).Why, StringComparison.Ordinal);
        Given(Registered, retired).When(Look("resources: []")).ThenNothing();
        Given(Registered, retired).When(Look(World.Text)).Then(Registered);
    }
}
