using System.Threading.Channels;
using AccessPlane.ControlPlane.EventStore;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AccessPlane.Tests.Unit.Domain;

public sealed class DeadlinesTests
{
    private static readonly Guid One = new("0199aaaa-0000-7000-8000-000000000001");
    private static readonly Guid Two = new("0199aaaa-0000-7000-8000-000000000002");
    private readonly ManualClock _clock = new(World.Noon);
    private int _sleeps;

    [Fact]
    public async Task What_became_due_while_nobody_watched_is_acted_on_at_the_start()
    {
        await using var timer = new Timer(_clock) { What = [new Deadline(One, World.Noon.AddHours(-1))] };
        await timer.Begin(0, TestContext.Current.CancellationToken);
        Assert.Equal(One, await timer.Acted());
    }

    [Fact]
    public async Task It_wakes_for_the_next_deadline_and_not_before()
    {
        await using var timer = new Timer(_clock) { What = [new Deadline(Two, World.Noon.AddMinutes(20)), new Deadline(One, World.Noon.AddMinutes(10))] };
        await timer.Begin(0, TestContext.Current.CancellationToken);
        await Asleep();
        _clock.Advance(TimeSpan.FromMinutes(9));
        Assert.False(timer.HasActed);
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(One, await timer.Acted());
        await Asleep();
        _clock.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(Two, await timer.Acted());
    }

    [Fact]
    public async Task New_events_bring_an_earlier_deadline_forward()
    {
        await using var timer = new Timer(_clock) { What = [new Deadline(Two, World.Noon.AddMinutes(20))] };
        await timer.Begin(0, TestContext.Current.CancellationToken);
        await Asleep();
        timer.What = [new Deadline(Two, World.Noon.AddMinutes(20)), new Deadline(One, World.Noon)];
        await timer.Handle([], TestContext.Current.CancellationToken);
        Assert.Equal(One, await timer.Acted());
    }

    [Fact]
    public async Task What_the_log_still_lists_after_it_was_acted_on_is_not_acted_on_again_and_again()
    {
        await using var timer = new Timer(_clock) { What = [new Deadline(One, World.Noon)] };
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
        await using var timer = new Timer(_clock) { What = [new Deadline(One, World.Noon)] };
        await timer.Begin(0, TestContext.Current.CancellationToken);
        Assert.Equal(One, await timer.Acted());
        await Asleep();
        timer.What = [new Deadline(One, World.Noon.AddMinutes(5))];
        await timer.Handle([], TestContext.Current.CancellationToken);
        await Asleep();
        _clock.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(One, await timer.Acted());
    }

    [Fact]
    public async Task It_tries_again_after_a_failure()
    {
        await using var timer = new Timer(_clock) { What = [new Deadline(One, World.Noon)], Failures = 1 };
        await timer.Begin(0, TestContext.Current.CancellationToken);
        await Asleep();
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(One, await timer.Acted());
    }

    /// <summary>Waits until the timer has gone to sleep once more.</summary>
    private async Task Asleep()
    {
        while (_clock.TimersSet == _sleeps)
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }
        _sleeps = _clock.TimersSet;
    }

    private sealed class Timer(TimeProvider clock) : Deadlines(clock, NullLogger.Instance)
    {
        private readonly Channel<Guid> _acted = Channel.CreateUnbounded<Guid>();

        public override string Name => "test";
        public override IReadOnlyCollection<string>? Types => [];
        public IReadOnlyList<Deadline> What { get; set; } = [];
        public int Failures { get; set; }
        public bool HasActed => _acted.Reader.TryPeek(out _);

        public Task<Guid> Acted() => _acted.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(10));

        protected override Task<IReadOnlyList<Deadline>> Open(CancellationToken cancel) => Task.FromResult(What);

        protected override Task Act(Guid stream, DateTimeOffset now, CancellationToken cancel)
        {
            if (Failures-- > 0)
            {
                throw new InvalidOperationException("the log is away");
            }
            _acted.Writer.TryWrite(stream);
            return Task.CompletedTask;
        }
    }
}
