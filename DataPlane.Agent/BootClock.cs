using System.Runtime.InteropServices;

namespace AccessPlane.Agent;

/// <summary>
/// The system's clock, with timestamps that nobody can set and that go on while the host sleeps (CLOCK_BOOTTIME): the usual monotonic clock stands
/// still then, and a lease would look young after a night.
/// </summary>
internal sealed partial class BootClock : TimeProvider
{
    private const int SinceBoot = 7;
    private const long PerSecond = 1_000_000_000;

    private BootClock() { }

    public static BootClock Instance { get; } = new();

    public override long TimestampFrequency => OperatingSystem.IsLinux() ? PerSecond : base.TimestampFrequency;

    public override long GetTimestamp() =>
        !OperatingSystem.IsLinux() ? base.GetTimestamp()
        : clock_gettime(SinceBoot, out var time) == 0 ? (time.Seconds * PerSecond) + time.Nanoseconds
        : throw new InvalidOperationException("the system has no clock that counts from its start");

    [LibraryImport("libc"), SuppressGCTransition]
    private static partial int clock_gettime(int clock, out Time time);

    [StructLayout(LayoutKind.Sequential)]
    private struct Time
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}
