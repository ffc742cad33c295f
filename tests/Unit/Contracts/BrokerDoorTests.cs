using AccessPlane.Contracts.Messages;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Unit.Contracts;

public sealed class BrokerDoorTests
{
    private readonly ManualClock clock = new(World.Noon);
    private readonly List<string> told = [];

    [Fact]
    public async Task Whoever_waits_is_let_in_a_second_after_the_broker_is_back_and_says_each_reason_once()
    {
        Exception[] reasons = [new IOException("refused"), new IOException("refused"), new InvalidOperationException("access", new IOException("no such user")), new IOException("refused")];
        var tries = 0;
        var waiting = BrokerDoor.Opens(
            _ => tries++ < reasons.Length ? throw reasons[tries - 1] : Task.CompletedTask, why => told.Add(why.GetBaseException().Message), clock, TestContext.Current.CancellationToken);
        foreach (var _ in reasons)
        {
            Assert.False(waiting.IsCompleted);
            clock.Advance(TimeSpan.FromSeconds(1));
        }
        await waiting;
        Assert.Equal(["refused", "no such user", "refused"], told);
    }

    [Fact]
    public async Task A_process_that_stops_waits_no_longer()
    {
        using var stopping = new CancellationTokenSource();
        var waiting = BrokerDoor.Opens(_ => throw new IOException("refused"), why => told.Add(why.Message), clock, stopping.Token);
        await stopping.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.Equal(["refused"], told);
    }
}
