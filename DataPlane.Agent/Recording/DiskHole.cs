using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AccessPlane.Agent.Recording;

/// <summary>Gives the disk space of a range back and leaves the offsets of the rest alone, so that a long session's spool does not grow with its length.</summary>
internal static partial class DiskHole
{
    private const int KeepSize = 1;
    private const int PunchHole = 2;

    /// <summary>False where the file system cannot do it: the space then comes back with the session's end.</summary>
    public static bool Punch(SafeFileHandle file, long offset, long length) =>
        OperatingSystem.IsLinux() && fallocate(file, KeepSize | PunchHole, offset, length) == 0;

    [LibraryImport("libc")]
    private static partial int fallocate(SafeFileHandle file, int mode, long offset, long length);
}
