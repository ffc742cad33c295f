using AccessPlane.Agent.Gate;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Unit.Agent;
using Xunit;
using static AccessPlane.Tests.Integration.Agents.GateWorld;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>Who comes with a ticket: how often it admits, where, and what uses it up.</summary>
public sealed class TicketsAtTheGateTests : IAsyncLifetime
{
    private GateWorld gate = null!;

    public async ValueTask InitializeAsync() => gate = await GateWorld.Open();

    public ValueTask DisposeAsync() => gate.DisposeAsync();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private TicketOffer Ticketed(GrantLease grant, int connections = 1)
    {
        var offer = new TicketOffer($"t_{Guid.CreateVersion7():N}", grant.Grant, "SCRAM-SHA-256$…", connections, gate.World.Time.Wall.AddSeconds(60), "orders");
        gate.World.Apply(offer);
        return offer;
    }

    [Fact]
    public async Task A_ticket_admits_its_number_of_connections_and_names_itself_in_the_permit()
    {
        var offer = Ticketed(gate.Granted(), connections: 2);
        var admitted = Assert.IsType<Admission.Admitted>(await gate.ByTicket(offer.Ticket));
        Assert.Equal($"ticket {offer.Ticket}", admitted.Permit.Login);
        Assert.IsType<Admission.Admitted>(await gate.ByTicket(offer.Ticket));
        Refused("ticket-unknown", await gate.ByTicket(offer.Ticket), unproven: true);
        Assert.Null(gate.Gate.FindTicket("orders", offer.Ticket));
    }

    [Fact]
    public async Task A_ticket_is_worth_nothing_elsewhere()
    {
        var offer = Ticketed(gate.Granted());
        Refused("ticket-unknown", await gate.ByTicket("t_other"), unproven: true);
        Refused("ticket-unknown", await gate.ByTicket(offer.Ticket, resource: "payroll"), unproven: true);
        Refused("database-outside-ticket", await gate.ByTicket(offer.Ticket, database: "hr"));
        Assert.IsType<Admission.Admitted>(await gate.ByTicket(offer.Ticket));
    }

    [Fact]
    public async Task A_refusal_that_the_holder_did_not_cause_does_not_use_the_ticket_up()
    {
        var offer = Ticketed(gate.Granted(), 1);
        var order = new LockOrder(Guid.CreateVersion7(), new LockTarget(Actor: gate.Engineer.Key), "incident", null);
        gate.World.Apply(order);
        Refused("grant-locked", await gate.ByTicket(offer.Ticket));
        gate.World.Apply(new LockLift(order.Lock));
        gate.World.Time.Advance(TimeSpan.FromSeconds(11));
        Refused("agent-cut-off", await gate.ByTicket(offer.Ticket));
        gate.World.InForce.RenewLease(gate.World.Time.GetTimestamp());
        gate.Agent.Available = 0;
        using (gate.Agent.Spool.Begin(Guid.CreateVersion7(), n => SpoolTests.Start(Guid.Empty, n), Evidence.Buffered, _ => { }))
        {
            gate.Agent.Spool.Tick();
            Refused("evidence-full", await gate.ByTicket(offer.Ticket));
        }
        gate.Agent.Available = 1L << 40;
        gate.Agent.Spool.Tick();
        Assert.IsType<Admission.Admitted>(await gate.ByTicket(offer.Ticket));
    }

    [Fact]
    public async Task A_login_before_the_first_lease_is_told_to_try_again_and_not_that_its_ticket_is_wrong()
    {
        var early = new AgentWorld(leased: false);
        var grant = AgentWorld.Grant(early.Time.Wall.AddHours(1)) with { Holder = gate.Engineer };
        var offer = new TicketOffer($"t_{Guid.CreateVersion7():N}", grant.Grant, "SCRAM-SHA-256$…", 1, early.Time.Wall.AddSeconds(60), "orders");
        early.Apply(grant);
        early.Apply(offer);
        var first = gate.Of(early);
        Assert.Equal(offer, first.FindTicket("orders", offer.Ticket));
        Refused("agent-cut-off", await first.AdmitTicket("orders", offer.Ticket, "orders", Cancel));
        early.InForce.Time.Sample(early.Time.GetTimestamp(), early.Time.GetTimestamp(), early.Time.Wall);
        early.InForce.RenewLease(early.Time.GetTimestamp());
        Assert.IsType<Admission.Admitted>(await first.AdmitTicket("orders", offer.Ticket, "orders", Cancel));
    }
}
