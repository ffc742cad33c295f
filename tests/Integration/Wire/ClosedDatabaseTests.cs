using AccessPlane.Agent.Protocols.PostgreSql;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>A database that is there and lets nobody in for a while: what its clients hear, and what becomes of their tickets.</summary>
public sealed class ClosedDatabaseTests
{
    private const string Full = "the database behind this agent has no connection left at the moment";
    private const string Down = "the database behind this agent takes no connections at the moment: it is starting up, shutting down or recovering";
    private const string Again = "try again, or tell the operator of this agent";

    private volatile bool isClosed = true;

    /// <summary>What the client is told of a login that came to nothing, once it has proven to hold the ticket.</summary>
    private static async Task<byte[]> Refused(WireAgent agent, (string User, string Password) ticket)
    {
        using var client = await Dial(agent.Port);
        await client.Send(Startup(("user", ticket.User), ("database", agent.Database)));
        await client.Prove(ticket.Password);
        var answer = await client.Read();
        Assert.Equal('E', answer?.Type);
        Assert.Null(await client.Read());
        return answer!.Value.Body;
    }

    [Theory]
    [InlineData("53300", "sorry, too many clients already", "53300", Full)]
    [InlineData("53300", "too many connections for role \"the_agents_login\"", "53300", Full)]
    [InlineData("57P03", "the database system is starting up", "57P03", Down)]
    [InlineData("57P03", "the database system is in recovery mode", "57P03", Down)]
    [InlineData("57P01", "terminating connection due to administrator command", "57P03", Down)]
    [InlineData("57P02", "terminating connection because of crash of another server process", "57P03", Down)]
    [InlineData("28000", "role \"the_agents_login\" is not permitted to log in", "08006", "the database behind this agent cannot be reached at the moment")]
    public async Task Its_clients_are_told_so_in_the_agents_own_words_and_the_same_ticket_opens_a_session_when_it_is_open_again(string code, string says, string told, string words)
    {
        await using var server = new FakeServer { Login = async to => await to.WriteAsync(isClosed ? PgError.Fatal(code, says) : FakeServer.Welcome) };
        await using var agent = await WireAgent.Start(new WireOptions(UpstreamHost: "127.0.0.1", UpstreamPort: server.Port));
        var ticket = agent.Ticket();
        for (var times = 0; times < 2; times++)
        {
            var error = await Refused(agent, ticket);
            Assert.Equal(("FATAL", told, words, Again), (Field(error, 'S'), Field(error, 'C'), Field(error, 'M'), Field(error, 'H')));
            Assert.DoesNotContain("the_agents_login", Text(error), StringComparison.Ordinal);
            Assert.Equal(0, agent.Live.Count);
        }
        Assert.Empty(agent.Transcript()); // a session that never was has no record
        isClosed = false;
        using var client = await Dial(agent.Port);
        await client.Login(ticket.User, ticket.Password, ("database", agent.Database));
        Assert.Equal("I ZI", Story(await client.Ask(Query(""))));
        using var second = await Dial(agent.Port);
        await Assert.ThrowsAsync<WireError>(() => second.Login(ticket.User, ticket.Password, ("database", agent.Database)));
        FaultReport.Saw($"{code}: 2 logins told {told} and to try again; the same ticket, for one connection, then opened 1 session and no second one");
    }

    /// <summary>Neither the session's connection nor the one that the agent reads the catalog with is to be had.</summary>
    [Fact]
    public async Task A_real_server_without_a_connection_for_the_agents_login_is_told_of_without_its_name()
    {
        await using var agent = await WireAgent.Start();
        await agent.Directly($"alter role {agent.Data.Role} connection limit 0");
        var ticket = agent.Ticket();
        var error = await Refused(agent, ticket);
        Assert.Equal(("53300", Full), (Field(error, 'C'), Field(error, 'M')));
        Assert.DoesNotContain(agent.Data.Role, Text(error), StringComparison.Ordinal);
        await agent.Directly($"alter role {agent.Data.Role} connection limit -1");
        using var client = await Dial(agent.Port);
        await client.Login(ticket.User, ticket.Password, ("database", agent.Database));
        await client.StillWorks();
    }
}
