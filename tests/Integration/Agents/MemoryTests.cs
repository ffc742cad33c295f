using AccessPlane.Agent.Directives;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

public sealed class MemoryTests : IDisposable
{
    private readonly StateFolder state = new();

    public void Dispose() => state.Dispose();

    [Fact]
    public void The_highest_epoch_and_position_survive_a_restart()
    {
        using (var memory = new Memory(state.Path))
        {
            Assert.Equal(new Remembered(0, 0), memory.Last);
            for (var position = 1; position <= 9; position++)
            {
                memory.Remember(new Remembered(3, position));
            }
        }
        using var again = new Memory(state.Path);
        Assert.Equal(new Remembered(3, 9), again.Last);
        again.Remember(new Remembered(3, 10));
        again.Remember(new Remembered(4, 2, "halted-by"));
        using var third = Reopened(again);
        Assert.Equal(new Remembered(4, 2, "halted-by"), third.Last);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Memory.Slot)]
    public void A_torn_write_leaves_the_moment_before(int at)
    {
        using (var memory = new Memory(state.Path))
        {
            memory.Remember(new Remembered(1, 10));
            memory.Remember(new Remembered(1, 11));
        }
        Scribble(at);
        using var again = new Memory(state.Path);
        Assert.Equal(at == 0 ? 11 : 10, again.Last.Position);
        again.Remember(new Remembered(1, 12));
        using var third = Reopened(again);
        Assert.Equal(12, third.Last.Position);
    }

    [Fact]
    public void A_memory_that_cannot_be_read_is_not_taken_for_a_fresh_start()
    {
        using (var memory = new Memory(state.Path))
        {
            memory.Remember(new Remembered(1, 10));
        }
        Scribble(0);
        Assert.Throws<InvalidDataException>(() => new Memory(state.Path));
    }

    private Memory Reopened(Memory memory)
    {
        memory.Dispose();
        return new Memory(state.Path);
    }

    private void Scribble(int at)
    {
        using var file = File.OpenWrite(state.File("position"));
        file.Seek(at + 20, SeekOrigin.Begin);
        file.Write("XX"u8);
    }
}
