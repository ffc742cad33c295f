using System.Globalization;
using AccessPlane.Agent;
using Xunit;

namespace AccessPlane.Tests.Unit.Agent;

public sealed class BootClockTests
{
    [Fact]
    public void Its_timestamps_count_from_the_systems_start_the_time_that_it_slept_included()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "only Linux tells the time since its start in /proc/uptime");
        // the first number of /proc/uptime is the kernel's own reading of CLOCK_BOOTTIME
        var told = double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture);
        var read = BootClock.Instance.GetTimestamp() / (double)BootClock.Instance.TimestampFrequency;
        Assert.InRange(read, told, told + 5);
    }

    [Fact]
    public void They_never_go_back()
    {
        var last = BootClock.Instance.GetTimestamp();
        for (var i = 0; i < 10_000; i++)
        {
            var now = BootClock.Instance.GetTimestamp();
            Assert.True(now >= last);
            last = now;
        }
    }
}
