using AccessPlane.Contracts.Policy;

namespace AccessPlane.Contracts.Masking;

/// <summary>
/// Looks for what must not be in a text, and hides it in place, so that its length stays and a JSON text stays one. One pass per kind over UTF-8 bytes,
/// no backtracking beyond a bounded window, nothing allocated. A tripwire: what is encoded, split or shifted passes.
/// </summary>
public static class Detectors
{
    /// <summary>What one value held.</summary>
    public readonly record struct Hits(int Count, Detector First);

    /// <param name="text">UTF-8; hits are overwritten.</param>
    /// <param name="wanted">Bit n is <see cref="Detector"/> n.</param>
    public static Hits Hide(Span<byte> text, int wanted)
    {
        var hits = default(Hits);
        for (var detector = Detector.PaymentCard; detector <= Detector.Secret; detector++)
        {
            if ((wanted & (1 << (int)detector)) != 0)
            {
                hits = Hide(text, detector, hits);
            }
        }
        return hits;
    }

    public static int Bits(IReadOnlyList<Detector> detectors)
    {
        ArgumentNullException.ThrowIfNull(detectors);
        var bits = 0;
        for (var i = 0; i < detectors.Count; i++)
        {
            bits |= 1 << (int)detectors[i];
        }
        return bits;
    }

    private static Hits Hide(Span<byte> text, Detector detector, Hits hits)
    {
        for (var at = 0; at < text.Length;)
        {
            var (start, length) = detector switch
            {
                Detector.PaymentCard => Numbers.Card(text, at),
                Detector.UsSsn => Numbers.Ssn(text, at),
                Detector.Phone => Numbers.Phone(text, at),
                Detector.Iban => Numbers.Iban(text, at),
                Detector.Email => Words.Email(text, at),
                Detector.Jwt => Words.Jwt(text, at),
                _ => Words.Secret(text, at),
            };
            if (length > 0)
            {
                Cover(text, start, length);
                hits = new Hits(hits.Count + 1, hits.Count == 0 ? detector : hits.First);
            }
            at = Math.Max(at + 1, start + length);
        }
        return hits;
    }

    /// <summary>Stars; a bare number becomes another number, which JSON needs.</summary>
    private static void Cover(Span<byte> text, int start, int length)
    {
        var bare = !text.Slice(start, length).ContainsAnyExceptInRange((byte)'0', (byte)'9') && !IsQuoted(text, start);
        text.Slice(start, length).Fill(bare ? (byte)'1' : (byte)'*');
    }

    private static bool IsQuoted(ReadOnlySpan<byte> text, int start)
    {
        var before = text[..start].LastIndexOfAny("\":,"u8);
        return before < 0 || text[before] == '"';
    }

    internal static bool IsDigit(byte c) => char.IsAsciiDigit((char)c);
    internal static bool IsLetter(byte c) => char.IsAsciiLetter((char)c);
    internal static bool IsWord(byte c) => IsDigit(c) || IsLetter(c) || c == '_' || c >= 0x80;
    internal static byte At(ReadOnlySpan<byte> text, int at) => at >= 0 && at < text.Length ? text[at] : (byte)0;
}
