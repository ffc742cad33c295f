using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Unit.Policies;

public sealed class PublishPolicyTests
{
    private static Situation<PublishedDocument> Given(params IEvent[] events) =>
        new Specification<PublishedDocument>(PublishedDocument.Initial, PublishedDocument.Evolve).Given(events);

    private static Func<PublishedDocument, Outcome> Publish(string text, bool admin = true) =>
        s => PublishPolicy.Decide(s, new Publication(People.Admin, admin, text, PolicyModel.Empty));

    [Fact]
    public void Versions_are_consecutive_from_one_and_carry_author_text_and_hash()
    {
        var first = Given().When(Publish("resources: []")).Then(typeof(PolicyPublished)).Happened<PolicyPublished>();
        Assert.Equal((1, "resources: []", People.Admin.Key), (first.Version, first.Text, first.Author.Key));
        Assert.Equal("f4e7035eddf4b283a1248b6d8dce7e8c8d3a51de011fbc0d2f1aa1d81e91d2b8", first.Hash); // sha256sum of the text
        Assert.Equal(2, Given(first).When(Publish("resources: [] # again")).Happened<PolicyPublished>().Version);
    }

    [Fact]
    public void Publishing_what_is_in_force_changes_nothing()
    {
        var first = Given().When(Publish("resources: []")).Events[0];
        Given(first).When(Publish("resources: []")).ThenNothing();
    }

    [Fact]
    public void Only_admins_publish() => Given().When(Publish("resources: []", admin: false)).ThenRefused("admins-only");
}
