using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.Agent.Recording;

/// <summary>Wraps a session's key for the control plane, so that nobody else can open it: not this agent either, once its process has ended.</summary>
/// <param name="key">Base64.</param>
public delegate string WrapSpoolKey(Guid session, string key);

/// <summary>
/// One key of one session: AES-256-GCM, made by one process and kept in its memory alone. A spool file is a run of frames, <c>kind, Int32 length, body</c>:
/// <c>K</c> with the wrapped key of the frames behind it, <c>D</c> with <c>UInt64 count, ciphertext, tag</c> of whole entries. The nonce is the count
/// of encryptions under this key, and a process that takes up another's file takes a new key: no nonce comes twice, whatever was written over or cut
/// off. Session and place are authenticated, so that frames cannot be moved.
/// </summary>
internal sealed class SpoolCipher : IDisposable
{
    public const byte KeyFrame = (byte)'K';
    public const byte DataFrame = (byte)'D';
    public const int Header = 1 + sizeof(int);
    public const int Overhead = Header + sizeof(ulong) + TagSize;
    private const int TagSize = 16;
    private const int NonceSize = 12;
    private const int KeySize = 32;

    // the session writes and the drain reads meanwhile: taking turns costs less than a second key schedule in each idle session
    private readonly Lock turn = new();
    private readonly AesGcm aes;
    private readonly Guid session;
    private ulong count;

    private SpoolCipher(Guid session, ReadOnlySpan<byte> key)
    {
        this.session = session;
        aes = new AesGcm(key, TagSize);
    }

    /// <summary>The frame that must stand before the first one that it encrypts.</summary>
    public byte[] Announcement { get; private init; } = [];

    public static SpoolCipher New(Guid session, WrapSpoolKey wrap)
    {
        Span<byte> key = stackalloc byte[KeySize];
        RandomNumberGenerator.Fill(key);
        var wrapped = Encoding.ASCII.GetBytes(wrap(session, Convert.ToBase64String(key)));
        var frame = new byte[Header + wrapped.Length];
        frame[0] = KeyFrame;
        BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(1), wrapped.Length);
        wrapped.CopyTo(frame, Header);
        var cipher = new SpoolCipher(session, key) { Announcement = frame };
        CryptographicOperations.ZeroMemory(key);
        return cipher;
    }

    /// <summary>The key of an earlier process: it opens, and must encrypt nothing.</summary>
    public static SpoolCipher Opened(Guid session, byte[] key) => new(session, key) { count = ulong.MaxValue };

    /// <param name="offset">Where the frame will stand.</param>
    /// <param name="frame">As long as the entries and <see cref="Overhead"/>.</param>
    public void Encrypt(ReadOnlySpan<byte> entries, long offset, Span<byte> frame)
    {
        count = checked(count + 1);
        frame[0] = DataFrame;
        BinaryPrimitives.WriteInt32LittleEndian(frame[1..], entries.Length + Overhead - Header);
        BinaryPrimitives.WriteUInt64LittleEndian(frame[Header..], count);
        Span<byte> nonce = stackalloc byte[NonceSize];
        Span<byte> place = stackalloc byte[24];
        Nonce(count, nonce);
        Place(offset, place);
        lock (turn)
        {
            aes.Encrypt(nonce, entries, frame[(Header + sizeof(ulong))..^TagSize], frame[^TagSize..], place);
        }
    }

    /// <summary>False where the frame is not what this key made for this place.</summary>
    /// <param name="entries">As long as the frame without <see cref="Overhead"/>.</param>
    public bool TryDecrypt(ReadOnlySpan<byte> frame, long offset, Span<byte> entries)
    {
        Span<byte> nonce = stackalloc byte[NonceSize];
        Span<byte> place = stackalloc byte[24];
        Nonce(BinaryPrimitives.ReadUInt64LittleEndian(frame[Header..]), nonce);
        Place(offset, place);
        try
        {
            lock (turn)
            {
                aes.Decrypt(nonce, frame[(Header + sizeof(ulong))..^TagSize], frame[^TagSize..], entries, place);
            }
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }

    /// <summary>The length of the whole frame at the head; 0 where there is none.</summary>
    public static int LengthAt(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Header || bytes[0] is not (KeyFrame or DataFrame))
        {
            return 0;
        }
        var length = BinaryPrimitives.ReadInt32LittleEndian(bytes[1..]);
        var least = bytes[0] == DataFrame ? Overhead - Header : 1;
        return length >= least && length <= bytes.Length - Header ? Header + length : 0;
    }

    public void Dispose() => aes.Dispose();

    private static void Nonce(ulong count, Span<byte> nonce) => BinaryPrimitives.WriteUInt64LittleEndian(nonce[4..], count);

    private void Place(long offset, Span<byte> place)
    {
        session.TryWriteBytes(place);
        BinaryPrimitives.WriteInt64LittleEndian(place[16..], offset);
    }
}

/// <summary>The keys of one spool file, by where each begins to hold.</summary>
internal sealed class SpoolKeys : IDisposable
{
    private readonly List<(long From, SpoolCipher Cipher)> keys = [];

    public void Add(long from, SpoolCipher cipher) => keys.Add((from, cipher));

    /// <summary>The entries of a run of frames, up to the first frame that is not whole or not genuine.</summary>
    /// <param name="offset">Where the run begins in the file.</param>
    /// <param name="read">How many bytes of it were understood.</param>
    public byte[] Read(ReadOnlySpan<byte> frames, long offset, out int read)
    {
        var entries = new byte[frames.Length];
        var length = 0;
        read = 0;
        while (SpoolCipher.LengthAt(frames[read..]) is var size and > 0)
        {
            var frame = frames.Slice(read, size);
            if (frame[0] == SpoolCipher.DataFrame)
            {
                var text = entries.AsSpan(length, size - SpoolCipher.Overhead);
                if (At(offset + read) is not { } cipher || !cipher.TryDecrypt(frame, offset + read, text))
                {
                    break;
                }
                length += text.Length;
            }
            read += size;
        }
        return entries[..length];
    }

    /// <summary>The wrapped keys in a run of frames, and where each stands. It needs no key.</summary>
    public static IEnumerable<(long At, string Wrapped)> Wrapped(ReadOnlyMemory<byte> frames, long offset)
    {
        for (int at = 0, size; (size = SpoolCipher.LengthAt(frames.Span[at..])) > 0; at += size)
        {
            if (frames.Span[at] == SpoolCipher.KeyFrame)
            {
                yield return (offset + at, Encoding.ASCII.GetString(frames.Span.Slice(at + SpoolCipher.Header, size - SpoolCipher.Header)));
            }
        }
    }

    public void Dispose() => keys.ForEach(k => k.Cipher.Dispose());

    private SpoolCipher? At(long offset)
    {
        for (var i = keys.Count - 1; i >= 0; i--)
        {
            if (keys[i].From <= offset)
            {
                return keys[i].Cipher;
            }
        }
        return null;
    }
}
