using AccessPlane.Agent.Gate;
using AccessPlane.Contracts.Messages;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

public sealed class TicketsTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    private readonly StateFolder state = new();

    public void Dispose() => state.Dispose();

    private static TicketOffer Ticket(int connections, string name = "t_1") => new(name, Guid.CreateVersion7(), "", connections, Now.AddSeconds(60), "orders");

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    public async Task Exactly_the_stated_number_of_connections_win_however_many_race(int connections)
    {
        using var tickets = Tickets.Open(state.Path);
        var offer = Ticket(connections);
        var won = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => Task.Run(() => tickets.Take(offer, Now))));
        Assert.Equal(connections, won.Count(w => w));
        FaultReport.Saw($"a ticket for {connections}, 40 at once: {won.Count(w => w)} let in, {won.Count(w => !w)} refused");
    }

    [Fact]
    public void A_used_ticket_stays_used_over_a_restart()
    {
        var offer = Ticket(2);
        using (var tickets = Tickets.Open(state.Path))
        {
            Assert.True(tickets.Take(offer, Now));
        }
        using (var tickets = Tickets.Open(state.Path))
        {
            Assert.True(tickets.Take(offer, Now));
            Assert.False(tickets.Take(offer, Now));
        }
        using var last = Tickets.Open(state.Path);
        Assert.False(last.IsOpen(offer, Now));
    }

    [Fact]
    public void A_connection_that_came_to_nothing_may_be_made_again_once_over_a_restart_too_and_no_later_than_it_might_have_been()
    {
        var offer = Ticket(1);
        using (var tickets = Tickets.Open(state.Path))
        {
            Assert.True(tickets.Take(offer, Now));
            tickets.GiveBack(offer.Ticket);
            tickets.GiveBack(offer.Ticket);
            tickets.GiveBack("t_nobodys");
        }
        using (var tickets = Tickets.Open(state.Path))
        {
            Assert.False(tickets.IsOpen(offer, Now.AddSeconds(60)));
            Assert.True(tickets.Take(offer, Now.AddSeconds(59)));
            Assert.False(tickets.Take(offer, Now.AddSeconds(59)));
        }
        using var last = Tickets.Open(state.Path);
        Assert.Equal((1, false), (last.Uses(offer.Ticket), last.IsOpen(offer, Now.AddSeconds(59))));
    }

    [Fact]
    public void Whoever_goes_on_trying_in_vain_uses_it_up_after_all()
    {
        var offer = Ticket(1);
        var tries = 0;
        for (var started = 0; started < 3; started++)
        {
            using var tickets = Tickets.Open(state.Path);
            for (var i = 0; i < 10 && tickets.Take(offer, Now); i++)
            {
                tickets.GiveBack(offer.Ticket);
                tries++;
            }
        }
        Assert.Equal(21, tries);
    }

    [Fact]
    public void The_first_connection_must_come_in_time_and_the_others_may_come_later()
    {
        using var tickets = Tickets.Open(state.Path);
        Assert.False(tickets.Take(Ticket(2), Now.AddSeconds(60)));
        var offer = Ticket(2, "t_2");
        Assert.True(tickets.Take(offer, Now.AddSeconds(59)));
        Assert.True(tickets.Take(offer, Now.AddHours(1)));
    }

    [Fact]
    public void A_torn_line_does_not_run_into_the_next_ticket()
    {
        File.WriteAllText(state.File("tickets.used"), "t_1\n-t_1\nt_1\nt_lon");
        using (var tickets = Tickets.Open(state.Path))
        {
            Assert.True(tickets.Take(Ticket(1, "t_2"), Now));
        }
        using var again = Tickets.Open(state.Path);
        Assert.Equal(1, again.Uses("t_1"));
        Assert.Equal(1, again.Uses("t_2"));
    }

    [Fact]
    public void Tickets_that_nobody_can_use_any_more_are_forgotten_and_the_others_are_not()
    {
        using (var tickets = Tickets.Open(state.Path))
        {
            for (var i = 0; i < 20; i++)
            {
                Assert.True(tickets.Take(Ticket(1, $"t_{i}"), Now));
            }
            Assert.True(tickets.Take(Ticket(1, Tickets.TokenMark("live", Now.AddMinutes(5))), Now));
            Assert.True(tickets.Take(Ticket(1, Tickets.TokenMark("dead", Now.AddMinutes(-5))), Now));
            tickets.Keep(new HashSet<string> { "t_3" }, Now);
            Assert.True(tickets.Take(Ticket(1, "t_new"), Now));
        }
        using var again = Tickets.Open(state.Path);
        Assert.Equal([0, 1, 1], [again.Uses("t_2"), again.Uses("t_3"), again.Uses("t_new")]);
        Assert.Equal(
            [1, 0], [again.Uses(Tickets.TokenMark("live", Now.AddMinutes(5))), again.Uses(Tickets.TokenMark("dead", Now.AddMinutes(-5)))]);
    }
}
