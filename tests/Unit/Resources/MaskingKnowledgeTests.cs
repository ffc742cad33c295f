using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Resources;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Unit.Resources;

/// <summary>Whoever asks hears why no session would open.</summary>
public sealed class MaskingKnowledgeTests : MaskingSpec
{
    private static readonly ResourceTerms Terms = ByServer.Model.Resource("orders")!;
    private static readonly ServingAgent One = new("orders-agent", new AgentEndpoint("orders", "db", 1));
    private static readonly ServingAgent Two = new("orders-agent-2", new AgentEndpoint("orders", "db", 2));

    private static readonly Grant.Approved Approved = new(
        new GrantIssued(
            Guid.Empty, Guid.Empty, People.Engineer, "read", "orders", new Scope(["orders"], []), TimeSpan.FromHours(1), World.Noon, 1, TokenLogin.WorkloadsOnly, 1),
        null);

    private static MaskingKnowledge Known(params IEvent[] events) => events.Aggregate(
        MaskingKnowledge.Nothing, (k, e) => MaskingKnowledge.Fold(k, new Stored(1, Guid.Empty, 1, Guid.Empty, World.Noon, new EventContext(People.Admin, Guid.Empty), e)));

    [Fact]
    public void A_resource_says_how_its_masks_stand_in_a_few_words()
    {
        Assert.Equal("wire", Known(Reported()).Summary(World.Today.Model.Resource("orders")!));
        Assert.Equal("server not reported yet", Known().Summary(Terms));
        Assert.Equal("server ready", Known(Reported(), Reported(MaskingStatus.Ready)).Summary(Terms));
        Assert.Equal("server planned: `stock` waits for an admin to apply the plan", Known(Reported(MaskingStatus.Ready), Reported(database: "stock")).Summary(Terms));
        Assert.Equal(
            "server unavailable: `stock`: the credential may not create roles",
            Known(Reported(), Reported(MaskingStatus.Unavailable, reason: "the credential may not create roles", database: "stock")).Summary(Terms));
    }

    [Fact]
    public void A_ticket_goes_to_an_agent_whose_database_enforces_masks()
    {
        var known = Known(Reported(MaskingStatus.Unavailable, reason: "no"), Reported(MaskingStatus.Ready, agent: "orders-agent-2"));
        Assert.Equal([Two], IssueTicket.Able([One, Two], Approved, null, ByServer.Model, known).Able);
        Assert.Equal([One, Two], IssueTicket.Able([One, Two], Approved, null, World.Today.Model, known).Able);
        // of an agent that said nothing yet nothing is known: it decides itself
        Assert.Equal([One], IssueTicket.Able([One], Approved, null, ByServer.Model, Known(Reported(database: "stock"))).Able);
    }

    [Theory]
    [InlineData(MaskingStatus.Planned, "no admin has applied the plan")]
    [InlineData(MaskingStatus.Unavailable, "the credential may not create roles")]
    public void A_ticket_that_would_open_nothing_is_refused_with_the_reason(MaskingStatus status, string why)
    {
        var (able, refusal) = IssueTicket.Able([One], Approved, "orders", ByServer.Model, Known(Reported(status, reason: "the credential may not create roles")));
        Assert.Empty(able);
        Assert.Equal("masking-not-in-force", refusal!.Code);
        Assert.Contains(why, refusal.Detail, StringComparison.Ordinal);
        Assert.Contains("GET /v1/resources/orders/masking", refusal.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_retired_agent_said_is_forgotten() =>
        Assert.Equal("server not reported yet", Known(Reported(MaskingStatus.Unavailable), new AgentRetired("orders-agent", People.Admin, "")).Summary(Terms));
}
