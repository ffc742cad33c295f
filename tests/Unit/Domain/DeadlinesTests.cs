using System.Threading.Channels;
using AccessPlane.ControlPlane.EventStore;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AccessPlane.Tests.Unit.Domain;

public sealed class DeadlinesTests
{
    private static readonly Guid One = new("0199aaaa-0000-7000-8000-000000000001");
    private static readonly Guid Two = new("0199aaaa-0000-7000-8000-000000000002");
    private readonly ManualClock clock = new(World.Noon);
    private int sleeps;

    [Fact]
    public async Task What_became_due_while_nobody_watched_is_acted_on_at_the_start()
    {
        await using var timer = new Timer(clock) { What = [new Deadline(One, World.Noon.AddHours(-1))] };
        await timer.Begin(0, TestContext.Current.CancellationToken);
        Assert.Equal(One, await timer.Acted());
    }

    [Fact]
    public async Task It_wakes_for_the_next_deadline_and_not_before()
    {
        await using var timer = new Timer(clock) { What = [new Deadline(Two, World.Noon.AddMinutes(20)), new Deadline(One, World.Noon.AddMinutes(10))] };
        await timer.Begin(0, TestContext.Current.CancellationToken);
        await Asleep();
        clock.Advance(TimeSpan.FromMinutes(9));
        Assert.False(timer.HasActed);
        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(One, await timer.Acted());
        await Asleep();
        clock.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(Two, await timer.Acted());
    }

    [Fact]
    public async Task New_events_bring_an_earlier_deadline_forward()
    {
        await using var timer = new Timer(clock) { What = [new Deadline(Two, World.Noon.AddMinutes(20))] };
        await timer.Begin(0, TestContext.Current.CancellationToken);
        await Asleep();
        timer.What = [new Deadline(Two, World.Noon.AddMinutes(20)), new Deadline(One, World.Noon)];
        await timer.Handle([], TestContext.Current.CancellationToken);
        Assert.Equal(One, await timer.Acted());
    }

    [Fact]
    public async Task What_the_log_still_lists_after_it_was_acted_on_is_not_acted_on_again_and_again()
    {
        await using var timer = new Timer(clock) { What = [new Deadline(One, World.Noon)] };
        await timer.Begin(0, TestContext.Current.CancellationToken);
        Assert.Equal(One, await timer.Acted());
        await Asleep();
        timer.What = [new Deadline(One, World.Noon), new Deadline(Two, World.Noon)];
        await timer.Handle([], TestContext.Current.CancellationToken);
        Assert.Equal(Two, await timer.Acted());
        Assert.False(timer.HasActed);
    }

    [Fact]
    public async Task A_deadline_that_was_moved_is_acted_on_at_its_new_time()
    {
        await using var timer = new Timer(clock) { What = [new Deadline(One, World.Noon)] };
        await timer.Begin(0, TestContext.Current.CancellationToken);
        Assert.Equal(One, await timer.Acted());
        await Asleep();
        timer.What = [new Deadline(One, World.Noon.AddMinutes(5))];
        await timer.Handle([], TestContext.Current.CancellationToken);
        await Asleep();
        clock.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(One, await timer.Acted());
    }

    [Fact]
    public async Task Whoever_is_not_the_owner_any_more_acts_on_nothing_until_it_is_again()
    {
        await using var timer = new Timer(clock) { What = [new Deadline(One, World.Noon.AddMinutes(5))] };
        await timer.Begin(0, TestContext.Current.CancellationToken);
        await Asleep();
        await timer.End();
        clock.Advance(TimeSpan.FromMinutes(5));
        await timer.Handle([], TestContext.Current.CancellationToken);
        Assert.False(timer.HasActed);
        await timer.Begin(0, TestContext.Current.CancellationToken);
        Assert.Equal(One, await timer.Acted());
    }

    [Fact]
    public async Task It_tries_again_after_a_failure()
    {
        await using var timer = new Timer(clock) { What = [new Deadline(One, World.Noon)], Failures = 1 };
        await timer.Begin(0, TestContext.Current.CancellationToken);
        await Asleep();
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(One, await timer.Acted());
    }

    /// <summary>Waits until the timer has gone to sleep once more.</summary>
    private async Task Asleep()
    {
        while (clock.TimersSet == sleeps)
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }
        sleeps = clock.TimersSet;
    }

    private sealed class Timer(TimeProvider clock) : Deadlines(clock, NullLogger.Instance)
    {
        private readonly Channel<Guid> acted = Channel.CreateUnbounded<Guid>();

        public override string Name => "test";
        public override IReadOnlyCollection<string>? Types => [];
        public IReadOnlyList<Deadline> What { get; set; } = [];
        public int Failures { get; set; }
        public bool HasActed => acted.Reader.TryPeek(out _);

        public Task<Guid> Acted() => acted.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(10));

        protected override Task<IReadOnlyList<Deadline>> Open(CancellationToken cancel) => Task.FromResult(What);

        protected override Task Act(Guid stream, DateTimeOffset now, CancellationToken cancel)
        {
            if (Failures-- > 0)
            {
                throw new InvalidOperationException("the log is away");
            }
            acted.Writer.TryWrite(stream);
            return Task.CompletedTask;
        }
    }
}
