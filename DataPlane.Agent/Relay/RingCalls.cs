using System.Runtime.InteropServices;

namespace AccessPlane.Agent.Relay;

/// <summary>Linux's io_uring and the few socket calls beside it: io_uring(7), and the kernel's include/uapi/linux/io_uring.h for the layouts.</summary>
internal static unsafe partial class RingCalls
{
    public const byte PollAdd = 6;
    public const byte AsyncCancel = 14;
    public const byte Connect = 16;
    public const byte Read = 22;
    public const byte Send = 26;
    public const byte Receive = 27;

    /// <summary>Of a receive: nothing is expected to be there, so that the first look is spared.</summary>
    public const ushort PollFirst = 1;

    /// <summary>Of a completed receive: there is more.</summary>
    public const uint HasMore = 4;

    public const uint PollIn = 1;

    public const int Peek = 2;
    public const int DontWait = 0x40;
    public const int WaitAll = 0x100;
    public const int NoSignal = 0x4000;

    public const int EINTR = 4;
    public const int EAGAIN = 11;
    public const int EBUSY = 16;
    public const int ECANCELED = 125;

    private const uint CompletionsSized = 1 << 3;
    private const uint SubmitAll = 1 << 7;
    private const uint SingleIssuer = 1 << 12;
    private const uint DeferTasks = 1 << 13;
    private const uint GetEvents = 1;
    private const uint SingleMap = 1;
    private const int Setup = 425;
    private const int Enter = 426;
    private const int ReadWrite = 3;
    private const int SharedPopulated = 0x8001;
    private const long SubmissionEntries = 0x10000000;

    [StructLayout(LayoutKind.Sequential)]
    public struct SubmissionOffsets
    {
        public uint Head, Tail, Mask, Entries, Flags, Dropped, Array, Reserved;
        public ulong Address;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct CompletionOffsets
    {
        public uint Head, Tail, Mask, Entries, Overflow, Completions, Flags, Reserved;
        public ulong Address;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Parameters
    {
        public uint SubmissionEntries, CompletionEntries, Flags, ThreadCpu, ThreadIdle, Features, Workers;
        public fixed uint Reserved[3];
        public SubmissionOffsets Submission;
        public CompletionOffsets Completion;
    }

    [StructLayout(LayoutKind.Sequential, Size = 64)]
    public struct Submission
    {
        public byte Operation, Flags;
        public ushort Priority;
        public int File;
        public ulong Offset, Address;
        public uint Length, OperationFlags;
        public ulong Token;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Completion
    {
        public ulong Token;
        public int Result;
        public uint Flags;
    }

    /// <summary>A ring for the calling thread alone, whose completions come when it asks for them; -1 where the kernel has no such thing, or allows none.</summary>
    public static int SetUp(uint submissions, uint completions, out Parameters parameters)
    {
        parameters = new Parameters { CompletionEntries = completions, Flags = CompletionsSized | SubmitAll | SingleIssuer | DeferTasks };
        fixed (Parameters* p = &parameters)
        {
            var ring = (int)syscall(Setup, (nint)submissions, (nint)p, 0, 0, 0, 0);
            if (ring >= 0 && (parameters.Features & SingleMap) == 0)
            {
                _ = close(ring);
                return -1;
            }
            return ring;
        }
    }

    public static byte* Map(int ring, nuint length, bool entries)
    {
        var at = mmap(0, length, ReadWrite, SharedPopulated, ring, (nint)(entries ? SubmissionEntries : 0));
        return at == -1 ? throw new InvalidOperationException($"the ring's memory cannot be mapped: error {Marshal.GetLastPInvokeError()}") : (byte*)at;
    }

    /// <returns>How many were submitted, or the error as a negative number.</returns>
    public static int Submit(int ring, uint submissions, uint waitFor)
    {
        var done = syscall(Enter, (nint)ring, (nint)submissions, (nint)waitFor, (nint)GetEvents, 0, 0);
        return done >= 0 ? (int)done : -Marshal.GetLastPInvokeError();
    }

    /// <summary>Ends the connection with a reset instead of an end.</summary>
    public static void ResetOnClose(int socket)
    {
        var linger = stackalloc int[] { 1, 0 };
        _ = setsockopt(socket, 1, 13, linger, 8);
    }

    /// <summary>An option of the socket; false where it has none of that kind.</summary>
    public static bool Tells(int socket, int level, int option, Span<byte> into)
    {
        var length = (uint)into.Length;
        fixed (byte* start = into)
        {
            return getsockopt(socket, level, option, start, &length) == 0;
        }
    }

    /// <summary>A descriptor of its own for the same socket, not inherited by other programs.</summary>
    public static int Duplicate(int file) => fcntl(file, 1030, 0);

    /// <summary>A descriptor that becomes readable when something is written to it.</summary>
    public static int NewEvent() => eventfd(0, 0x80000);

    public static void Wake(int eventFile)
    {
        ulong one = 1;
        _ = write(eventFile, &one, sizeof(ulong));
    }

    /// <returns>How many bytes, or the error as a negative number.</returns>
    public static int SendNow(int socket, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            var sent = send(socket, start, (nuint)bytes.Length, DontWait | NoSignal);
            return sent >= 0 ? (int)sent : -Marshal.GetLastPInvokeError();
        }
    }

    /// <returns>How many bytes, or the error as a negative number.</returns>
    public static int ReceiveNow(int socket, Span<byte> into, int flags = 0)
    {
        fixed (byte* start = into)
        {
            var got = recv(socket, start, (nuint)into.Length, DontWait | flags);
            return got >= 0 ? (int)got : -Marshal.GetLastPInvokeError();
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint a, nint b, nint c, nint d, nint e, nint f);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint mmap(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int socket, byte* bytes, nuint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(int socket, byte* bytes, nuint length, int flags);

    [LibraryImport("libc")]
    private static partial int setsockopt(int socket, int level, int option, int* value, uint length);

    [LibraryImport("libc")]
    private static partial int getsockopt(int socket, int level, int option, byte* value, uint* length);

    [LibraryImport("libc")]
    private static partial int fcntl(int file, int command, int argument);

    [LibraryImport("libc")]
    private static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc")]
    private static partial nint write(int file, void* bytes, nuint length);

    [LibraryImport("libc")]
    public static partial int shutdown(int socket, int how);

    [LibraryImport("libc")]
    public static partial int close(int file);
}
