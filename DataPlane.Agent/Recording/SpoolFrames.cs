using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace AccessPlane.Agent.Recording;

/// <summary>The bytes of one transcript's file: whole entries go in and come out, what is on the disk are frames (see <see cref="SpoolCipher"/>).</summary>
/// <param name="cipher">The key of what this process writes.</param>
/// <param name="keys">Those of what an earlier one has written.</param>
internal sealed class SpoolFrames(string path, FileMode mode, SpoolCipher cipher, SpoolKeys keys, Spool spool) : IDisposable
{
    private readonly SafeFileHandle file = File.OpenHandle(path, mode, FileAccess.ReadWrite, FileShare.Read);
    private long firstKey;
    private bool announced;

    public SafeFileHandle Handle => file;
    public bool IsClosed => file.IsClosed;

    /// <summary>Goes on behind what an earlier process has written.</summary>
    /// <param name="key">How long the key in front of it is.</param>
    public void Resume(long length, long key)
    {
        firstKey = key;
        RandomAccess.SetLength(file, length);
    }

    /// <summary>In one frame and with one call. On an error nothing counts as written: the next write goes over whatever arrived.</summary>
    /// <returns>How many bytes of the file they are.</returns>
    /// <exception cref="IOException">They cannot be written.</exception>
    public int Write(ReadOnlySpan<byte> entries, long offset)
    {
        var announcement = announced ? default : cipher.Announcement.AsSpan();
        var size = announcement.Length + entries.Length + SpoolCipher.Overhead;
        var frames = ArrayPool<byte>.Shared.Rent(size);
        try
        {
            announcement.CopyTo(frames);
            cipher.Encrypt(entries, offset + announcement.Length, frames.AsSpan(announcement.Length, size - announcement.Length));
            spool.Write(file, frames.AsSpan(0, size), offset);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(frames);
        }
        if (!announced)
        {
            announced = true;
            keys.Add(offset, cipher);
            firstKey = offset == 0 ? announcement.Length : firstKey;
        }
        return size;
    }

    /// <param name="read">How many bytes of the file they are: less than asked for where a frame is not what was written.</param>
    /// <exception cref="InvalidDataException">The file ends before.</exception>
    public byte[] Read(long offset, int length, out int read)
    {
        var bytes = new byte[length];
        for (var there = 0; there < length;)
        {
            var got = RandomAccess.Read(file, bytes.AsSpan(there), offset + there);
            there += got > 0 ? got : throw new InvalidDataException("the transcript is shorter than its index says");
        }
        return keys.Read(bytes, offset, out read);
    }

    /// <summary>How many bytes go with a part: the key of what follows stays.</summary>
    public long LengthOf(SealedPart part) => RangeOf(part).Length;

    /// <summary>How many bytes there are up to here, without those that may never go.</summary>
    public long LengthBefore(long offset) => Math.Max(0, offset - firstKey);

    /// <returns>Whether the disk has the bytes of this part again.</returns>
    public bool GiveBack(SealedPart part)
    {
        var (from, length) = RangeOf(part);
        return DiskHole.Punch(file, from, length);
    }

    public void Dispose()
    {
        file.Dispose();
        keys.Dispose();
        cipher.Dispose();
    }

    private (long From, long Length) RangeOf(SealedPart part)
    {
        var from = Math.Max(part.Offset, firstKey);
        return (from, part.Offset + part.Length - from);
    }
}
