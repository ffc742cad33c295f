using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AccessPlane.Agent.Recording;

/// <summary>What makes writes outlive the host. Apart from the rest, so that it can be counted and held up.</summary>
internal partial class SpoolDisk
{
    private const int NoSpace = 28;
    private const int NoQuota = 122;

    /// <summary>Whether nothing is wrong but that there is no room.</summary>
    public static bool IsFull(IOException failure) => failure.HResult is NoSpace or NoQuota;

    /// <summary>What was written to one file.</summary>
    /// <exception cref="IOException">The disk failed: nobody knows what of it is there.</exception>
    public virtual void Flush(SafeFileHandle file) => RandomAccess.FlushToDisk(file);

    /// <summary>Whatever was written to the file system that holds this file, names of new files included.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public virtual void FlushAll(SafeFileHandle file)
    {
        if (syncfs(file) != 0)
        {
            throw new IOException($"the spool's file system could not be written out: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int syncfs(SafeFileHandle file);
}
