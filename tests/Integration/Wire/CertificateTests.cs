using AccessPlane.Tests.Unit.Domain;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>The certificate of the agent's own door.</summary>
public sealed class CertificateTests
{
    private static string By(WireAgent agent)
    {
        var (user, password) = agent.Ticket();
        return $"Host=127.0.0.1;Port={agent.Port};Username={user};Password={password};Database={agent.Database};SSL Mode=Require;Pooling=false;Server Compatibility Mode=NoTypeLoading";
    }

    private static async Task<object?> Ask(NpgsqlConnection session)
    {
        await using var command = new NpgsqlCommand("select 1", session);
        return await command.ExecuteScalarAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task When_it_has_expired_nobody_comes_in_by_it_and_is_told_so_and_who_is_inside_stays()
    {
        var clock = new ManualClock(TimeProvider.System.GetUtcNow());
        await using var agent = await WireAgent.Start(new WireOptions(Tls: true, Time: clock));
        await using var session = new NpgsqlConnection(By(agent));
        await session.OpenAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1, await Ask(session));
        clock.Advance(TimeSpan.FromDays(2));
        await using var late = new NpgsqlConnection(By(agent));
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => late.OpenAsync(TestContext.Current.CancellationToken));
        using var asks = await RawClient.Dial(agent.Port);
        await asks.Send([0, 0, 0, 8, 4, 210, 22, 47]);
        Assert.Contains("the agent's certificate expired at", await asks.Refusal(), StringComparison.Ordinal);
        using var hello = await RawClient.Dial(agent.Port);
        await Assert.ThrowsAnyAsync<Exception>(() => hello.StartTls(alpn: true));
        Assert.Equal(1, await Ask(session));
        FaultReport.Saw("a client that asked for tls was told when the certificate expired, one that began with tls got no handshake, and the session from before went on");
    }
}
