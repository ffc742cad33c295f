using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Contracts.Masking;

/// <summary>
/// One value → what is shown in its place, in the same wire format and valid for the same type. What a type cannot hold becomes NULL. The constant
/// kinds (redact, fixed, null) give the same for every value, NULL too, so that not even its absence shows.
/// </summary>
/// <param name="key">Of <see cref="MaskKind.Hash"/>: without it nobody can tell which value a hash stands for.</param>
public sealed class Masker(MaskWith with, uint type, bool binary, ReadOnlyMemory<byte> key)
{
    /// <summary>The longest value that is looked into; a longer one is redacted.</summary>
    public const int Longest = 64 * 1024;

    /// <summary>What a masked text says where nothing else is asked for.</summary>
    public const string Redacted = "[redacted]";

    private const int HashDigits = 32;
    private static readonly int PostgresEpoch = DateOnly.FromDateTime(new DateTime(2000, 1, 1, 0, 0, 0, DateTimeKind.Utc)).DayNumber;

    private readonly byte[]? constant = Constant(with, type, binary);

    /// <summary>The same for every value: nothing needs to be known of it.</summary>
    public bool IsConstant => with.Kind is MaskKind.Redact or MaskKind.Null or MaskKind.Fixed || !Fits(with.Kind, type);

    /// <summary>The most bytes that <see cref="Mask"/> writes for a value of this length.</summary>
    public int Room(int length) => Math.Max(Math.Max(constant?.Length ?? 0, HashDigits + 2), (Math.Min(length, Longest) * 2) + 64);

    /// <param name="value">The value's bytes; empty where <paramref name="isNull"/>.</param>
    /// <param name="into">At least <see cref="Room"/> bytes.</param>
    /// <returns>Bytes written; -1 for NULL.</returns>
    public int Mask(ReadOnlySpan<byte> value, bool isNull, Span<byte> into)
    {
        if (IsConstant)
        {
            constant?.CopyTo(into);
            return constant?.Length ?? -1;
        }
        if (isNull || value.Length > Longest)
        {
            return -1;
        }
        return with.Kind switch
        {
            MaskKind.KeepFirst or MaskKind.KeepLast => Keep(value, into),
            MaskKind.Hash => Hash(value, into),
            MaskKind.Year => binary ? YearInBinary(value, into) : YearInText(value, into),
            _ => binary ? RoundInBinary(value, into) : RoundInText(value, into),
        };
    }

    /// <summary>Whether values of a type can hold words that detectors look for. Types that are not known can.</summary>
    public static bool MayHoldWords(uint type) => !PgTypes.IsWordless(type);

    public static bool IsJson(uint type) => PgTypes.IsJson(type);

    private static bool Fits(MaskKind kind, uint type) => kind switch
    {
        MaskKind.KeepFirst or MaskKind.KeepLast or MaskKind.Hash => PgTypes.IsText(type) && type != PgTypes.Xml,
        MaskKind.Year => type is PgTypes.Date or PgTypes.Timestamp or PgTypes.TimestampTz,
        MaskKind.Round => type is PgTypes.Int2 or PgTypes.Int4 or PgTypes.Int8 or PgTypes.Float4 or PgTypes.Float8 or PgTypes.Numeric,
        _ => true,
    };

    private static byte[]? Constant(MaskWith with, uint type, bool binary)
    {
        if (with.Kind == MaskKind.Null)
        {
            return null;
        }
        var text = with.Kind == MaskKind.Fixed ? with.Text ?? "" : Redacted;
        var utf8 = Encoding.UTF8.GetBytes(text);
        return type switch
        {
            PgTypes.Text or PgTypes.VarChar or PgTypes.BpChar or PgTypes.Unknown => utf8,
            PgTypes.Name => utf8.Length < 64 ? utf8 : null,
            PgTypes.Json => Quoted(text),
            PgTypes.JsonB => binary ? [1, .. Quoted(text)] : Quoted(text),
            _ => null,
        };
    }

    private static byte[] Quoted(string text) => Encoding.UTF8.GetBytes($"\"{System.Text.Encodings.Web.JavaScriptEncoder.Default.Encode(text)}\"");

    /// <summary>Characters stay whole, the stars do not tell how many there were, and a value that would all stay shows nothing.</summary>
    private int Keep(ReadOnlySpan<byte> value, Span<byte> into)
    {
        const int stars = 8;
        var characters = 0;
        foreach (var b in value)
        {
            characters += (b & 0xc0) == 0x80 ? 0 : 1;
        }
        var keep = with.Keep < characters ? Math.Max(0, with.Keep) : 0;
        var kept = with.Kind == MaskKind.KeepFirst ? value[..EndOf(value, keep)] : value[EndOf(value, characters - keep)..];
        if (with.Kind == MaskKind.KeepFirst)
        {
            kept.CopyTo(into);
            into.Slice(kept.Length, stars).Fill((byte)'*');
        }
        else
        {
            into[..stars].Fill((byte)'*');
            kept.CopyTo(into[stars..]);
        }
        var length = kept.Length + stars;
        return type == PgTypes.Name && length > 63 ? -1 : length;
    }

    private static int EndOf(ReadOnlySpan<byte> value, int characters)
    {
        var at = 0;
        for (; at < value.Length; at++)
        {
            if ((value[at] & 0xc0) != 0x80 && characters-- == 0)
            {
                return at;
            }
        }
        return at;
    }

    private int Hash(ReadOnlySpan<byte> value, Span<byte> into)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(key.Span, value, hash);
        Convert.TryToHexStringLower(hash[..(HashDigits / 2)], into, out var written);
        return written;
    }

    private int YearInBinary(ReadOnlySpan<byte> value, Span<byte> into)
    {
        if (type == PgTypes.Date && value.Length == 4)
        {
            var day = BinaryPrimitives.ReadInt32BigEndian(value) + (long)PostgresEpoch;
            if (YearStart(day) is not { } start)
            {
                return -1;
            }
            BinaryPrimitives.WriteInt32BigEndian(into, (int)(start - PostgresEpoch));
            return 4;
        }
        if (value.Length != 8)
        {
            return -1;
        }
        const long dayMicros = 86_400_000_000;
        var at = Math.DivRem(BinaryPrimitives.ReadInt64BigEndian(value), dayMicros, out var rest) - (rest < 0 ? 1 : 0);
        if (at is < -100_000_000 or > 100_000_000 || YearStart(at + PostgresEpoch) is not { } first)
        {
            return -1;
        }
        BinaryPrimitives.WriteInt64BigEndian(into, (first - PostgresEpoch) * dayMicros);
        return 8;
    }

    private static long? YearStart(long dayNumber) =>
        dayNumber >= 0 && dayNumber <= DateOnly.MaxValue.DayNumber ? new DateOnly(DateOnly.FromDayNumber((int)dayNumber).Year, 1, 1).DayNumber : null;

    /// <summary>`2024-05-17 …`: other styles than ISO cannot be told apart for sure, and show nothing.</summary>
    private int YearInText(ReadOnlySpan<byte> value, Span<byte> into)
    {
        var dash = value.IndexOf((byte)'-');
        var digits = dash is >= 4 and <= 6 && !value[..dash].ContainsAnyExceptInRange((byte)'0', (byte)'9');
        if (!digits || value.Length < dash + 6 || value[dash + 3] != '-' || value.EndsWith(" BC"u8))
        {
            return -1;
        }
        value[..dash].CopyTo(into);
        "-01-01"u8.CopyTo(into[dash..]);
        if (type == PgTypes.Date)
        {
            return dash + 6;
        }
        var rest = type == PgTypes.TimestampTz ? " 00:00:00+00"u8 : " 00:00:00"u8;
        rest.CopyTo(into[(dash + 6)..]);
        return dash + 6 + rest.Length;
    }

    private int RoundInBinary(ReadOnlySpan<byte> value, Span<byte> into)
    {
        switch (type, value.Length)
        {
            case (PgTypes.Int2, 2):
                return Rounded(BinaryPrimitives.ReadInt16BigEndian(value), short.MinValue, short.MaxValue) is { } two && BinaryPrimitives.TryWriteInt16BigEndian(into, (short)two) ? 2 : -1;
            case (PgTypes.Int4, 4):
                return Rounded(BinaryPrimitives.ReadInt32BigEndian(value), int.MinValue, int.MaxValue) is { } four && BinaryPrimitives.TryWriteInt32BigEndian(into, (int)four) ? 4 : -1;
            case (PgTypes.Int8, 8):
                return Rounded(BinaryPrimitives.ReadInt64BigEndian(value), long.MinValue, long.MaxValue) is { } eight && BinaryPrimitives.TryWriteInt64BigEndian(into, (long)eight) ? 8 : -1;
            case (PgTypes.Float4, 4):
                BinaryPrimitives.WriteSingleBigEndian(into, (float)Rounded(BinaryPrimitives.ReadSingleBigEndian(value)));
                return 4;
            case (PgTypes.Float8, 8):
                BinaryPrimitives.WriteDoubleBigEndian(into, Rounded(BinaryPrimitives.ReadDoubleBigEndian(value)));
                return 8;
            default:
                return -1; // numeric in binary is digits of its own kind
        }
    }

    private int RoundInText(ReadOnlySpan<byte> value, Span<byte> into)
    {
        if (type is PgTypes.Float4 or PgTypes.Float8)
        {
            return System.Buffers.Text.Utf8Parser.TryParse(value, out double number, out var read) && read == value.Length && double.IsFinite(number) &&
                Rounded(number).TryFormat(into, out var length, "0", System.Globalization.CultureInfo.InvariantCulture) ? length : -1;
        }
        var (low, high) = type switch
        {
            PgTypes.Int2 => ((decimal)short.MinValue, (decimal)short.MaxValue),
            PgTypes.Int4 => (int.MinValue, int.MaxValue),
            PgTypes.Int8 => (long.MinValue, long.MaxValue),
            _ => (decimal.MinValue, decimal.MaxValue),
        };
        return value.Length < 28 && decimal.TryParse(value, System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture, out var exact) &&
            Rounded(exact, low, high) is { } rounded && rounded.TryFormat(into, out var written, "0", System.Globalization.CultureInfo.InvariantCulture) ? written : -1;
    }

    private decimal? Rounded(decimal value, decimal low, decimal high)
    {
        var step = 1m;
        for (var i = 0; i < with.Keep && i < 18; i++)
        {
            step *= 10;
        }
        var rounded = Math.Round(value / step, MidpointRounding.AwayFromZero) * step;
        return rounded >= low && rounded <= high ? rounded : null;
    }

    private double Rounded(double value)
    {
        var step = Math.Pow(10, Math.Min(with.Keep, 300));
        return double.IsFinite(value) ? Math.Round(value / step, MidpointRounding.AwayFromZero) * step : double.NaN;
    }
}
