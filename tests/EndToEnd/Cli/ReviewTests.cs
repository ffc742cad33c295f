using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Cli;

/// <summary>Glass is broken in the night, and in the morning somebody looks at what was done, at a command line.</summary>
public sealed class ReviewTests(TestWorld world)
{
    [Fact]
    public async Task Who_reviews_finds_it_reads_what_was_done_and_says_what_they_think()
    {
        var typed = $"select 'at night {Guid.CreateVersion7():N}'";
        var grant = await world.Grant("on-call", "orders-break-glass");
        (await Run.ToEnd("psql", [(await world.TicketFor("on-call", grant)).Url("night"), "-XAtc", typed])).Succeeded();
        var session = (await world.SessionCalled("night", "Closed")).GetProperty("id").GetString()!;

        var listed = (await CommandLine.As(world, "security", "reviews")).With(0).Out;
        Assert.Contains(grant[^8..], listed, StringComparison.Ordinal);
        Assert.Contains("Olga On-Call", listed, StringComparison.Ordinal);
        var shown = (await CommandLine.As(world, "security", "reviews", "show", grant[^8..])).With(0).Out;
        Assert.Contains("Olga On-Call broke the glass of orders-break-glass on orders", shown, StringComparison.Ordinal);
        Assert.Contains("because: a test", shown, StringComparison.Ordinal);
        Assert.Contains(session, shown, StringComparison.Ordinal);
        Assert.Contains(typed, (await CommandLine.As(world, "security", "replay", session)).With(0).Out, StringComparison.Ordinal);
        (await CommandLine.As(world, "dba", "replay", session)).With(4);

        // not one's own, and not somebody else's
        Assert.Contains("ask another approver", (await CommandLine.As(world, "on-call", "reviews", "approve", grant)).With(1).Error, StringComparison.Ordinal);
        (await CommandLine.As(world, "dba", "reviews", "approve", grant)).With(1);
        Assert.Contains("still open", (await CommandLine.As(world, "security", "reviews", "approve", grant[^8..])).With(1).Error, StringComparison.Ordinal);
        var said = (await CommandLine.As(world, "security", "reviews", "deny", grant[^8..], "-c", "call first")).With(0).Out;
        Assert.Equal("reviewed: you found it not in order, orders-break-glass of Olga On-Call; it is revoked\n", said);
        Assert.DoesNotContain(grant[^8..], (await CommandLine.As(world, "security", "reviews")).With(0).Out, StringComparison.Ordinal);
        Assert.Contains("already", (await CommandLine.As(world, "security", "reviews", "approve", grant)).With(1).Error, StringComparison.Ordinal);
        Assert.Contains("shown to auditors", (await CommandLine.As(world, "security", "reviews", "show", grant)).With(0).Out, StringComparison.Ordinal);
        Assert.Equal("call first", (await CommandLine.As(world, "security", "reviews", "show", grant, "--json")).With(0).Json
            .GetProperty("grant").GetProperty("debt").GetProperty("comment").GetString());
    }
}
