using System.Net;
using System.Security.Authentication;
using AccessPlane.Agent.Protocols.PostgreSql;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>What needs TLS, and what TLS looks like to a client.</summary>
public sealed class TransportTests
{
    [Fact]
    public async Task Where_the_configuration_requires_tls_a_ticket_is_refused_in_clear_on_loopback_too_and_is_not_used_up()
    {
        await using var agent = await WireAgent.Start(new WireOptions(Tls: true) { TlsRequired = true });
        var (user, password) = agent.Ticket();
        using (var inClear = await Dial(agent.Port))
        {
            await inClear.Send(Startup(("user", user), ("database", agent.Database)));
            Assert.Equal("28000 this agent takes logins under tls only: use sslmode=require", await inClear.Refusal());
        }
        using var client = await Dial(agent.Port);
        await client.AskForTls();
        await client.Login(user, password, ("database", agent.Database));
        await client.StillWorks();
    }

    [Fact]
    public async Task Where_it_does_not_a_ticket_is_taken_in_clear_on_loopback_and_under_tls()
    {
        await using var agent = await WireAgent.Start(new WireOptions(Tls: true));
        using var inClear = await agent.Connect();
        await inClear.StillWorks();
        var (user, password) = agent.Ticket();
        using var client = await Dial(agent.Port);
        await client.AskForTls();
        await client.Login(user, password, ("database", agent.Database));
        await client.StillWorks();
    }

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("127.8.8.8", true)]
    [InlineData("::1", true)]
    [InlineData("::ffff:127.0.0.1", true)]
    [InlineData("192.0.2.7", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("::ffff:192.0.2.7", false)]
    [InlineData("2001:db8::1", false)]
    [InlineData("fe80::1", false)]
    public void In_clear_nothing_comes_from_another_host_whatever_the_configuration_says(string client, bool mayBe)
    {
        Assert.Equal(mayBe, PgLogin.MayBeInClear(IPAddress.Parse(client), allowed: true));
        Assert.False(PgLogin.MayBeInClear(IPAddress.Parse(client), allowed: false));
    }

    /// <summary>libpq 15's asynchronous clients hang on longer ones whose end is no message's end.</summary>
    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task No_record_to_a_client_carries_more_than_8192_bytes(SslProtocols version)
    {
        const int Cipher = 64; // what a cipher adds is less
        await using var agent = await WireAgent.Start(new WireOptions(Tls: true));
        using var client = await Dial(agent.Port);
        var records = await client.AskForTls(version);
        var (user, password) = agent.Ticket();
        await client.Login(user, password, ("database", agent.Database));
        records.Lengths.Clear();
        var answer = await client.Ask(Query("select repeat('x', 100000) from generate_series(1, 20)"));
        Assert.EndsWith("C[SELECT 20] ZI", Story(answer), StringComparison.Ordinal);
        Assert.True(records.Lengths.Sum() > 2_000_000, $"{records.Lengths.Sum()} bytes came");
        Assert.InRange(records.Lengths.Max(), 8192, 8192 + Cipher);
    }
}
