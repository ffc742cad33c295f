using System.Diagnostics;
using System.Globalization;
using AccessPlane.Agent;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

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

    /// <summary>A time namespace is the one place in which a machine has slept and this one has not: there CLOCK_BOOTTIME is a day ahead of CLOCK_MONOTONIC.</summary>
    [Fact]
    public async Task Where_the_machine_has_slept_for_a_day_they_are_a_day_ahead()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && (await Aside("true")).Status == 0, "a time namespace is Linux's, and not everybody's to make");
        var (status, told) = await Aside(
            Environment.ProcessPath!, "-noLogo", "-noColor", "-method", $"*.{nameof(BootClockTests)}.{nameof(Its_timestamps_count_from_the_systems_start_the_time_that_it_slept_included)}");
        Assert.True(status == 0 && told.Contains("Total: 1", StringComparison.Ordinal), told);
    }

    private static async Task<(int Status, string Told)> Aside(params string[] command)
    {
        using var there = Process.Start(new ProcessStartInfo("unshare", ["--time", "--boottime", "86400", "--fork", .. command]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (output, error) = (there.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), there.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        await there.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (there.ExitCode, await output + await error);
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
