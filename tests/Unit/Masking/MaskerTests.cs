using System.Buffers.Binary;
using System.Text;
using AccessPlane.Contracts.Masking;
using AccessPlane.Contracts.Policy;
using Xunit;

namespace AccessPlane.Tests.Unit.Masking;

public sealed class MaskerTests
{
    private const uint Text = 25, VarChar = 1043, Int4 = 23, Int8 = 20, Float8 = 701, Numeric = 1700, Date = 1082, Timestamp = 1114, TimestampTz = 1184, Json = 114,
        JsonB = 3802, Uuid = 2950, Bytea = 17, TextArray = 1009, Bool = 16, Record = 2249;

    private static readonly byte[] Key = [1, 2, 3];

    /// <summary>The masked bytes; null for NULL.</summary>
    private static byte[]? Mask(MaskWith with, uint type, byte[]? value, bool binary = false)
    {
        var masker = new Masker(with, type, binary, Key);
        var into = new byte[masker.Room(value?.Length ?? 0)];
        var length = masker.Mask(value, value is null, into);
        return length < 0 ? null : into[..length];
    }

    private static string? InText(MaskWith with, uint type, string? value) =>
        Mask(with, type, value is null ? null : Encoding.UTF8.GetBytes(value)) is { } masked ? Encoding.UTF8.GetString(masked) : null;

    [Theory]
    [InlineData(Text, "[redacted]")]
    [InlineData(VarChar, "[redacted]")]
    [InlineData(Json, "\"[redacted]\"")]
    [InlineData(JsonB, "\"[redacted]\"")]
    [InlineData(Int4, null)]
    [InlineData(Date, null)]
    [InlineData(Uuid, null)]
    [InlineData(Bytea, null)]
    [InlineData(TextArray, null)]
    [InlineData(Bool, null)]
    [InlineData(Record, null)]
    [InlineData(987654, null)]
    public void What_a_type_cannot_hold_becomes_null(uint type, string? masked)
    {
        Assert.Equal(masked, InText(MaskWith.Redact, type, "secret"));
        Assert.Equal(masked, InText(MaskWith.Redact, type, null)); // nor does the absence of a value show
        Assert.Null(InText(new MaskWith(MaskKind.Null), type, "secret"));
    }

    [Fact]
    public void Json_in_binary_keeps_its_version() =>
        Assert.Equal([1, .. "\"x\\u0022\""u8], Mask(new MaskWith(MaskKind.Fixed, Text: "x\""), JsonB, [1, .. "{}"u8], binary: true));

    [Theory]
    [InlineData(MaskKind.KeepLast, 4, "4929000011112222", "********2222")]
    [InlineData(MaskKind.KeepFirst, 2, "zoe@secret.example", "zo********")]
    [InlineData(MaskKind.KeepLast, 2, "äöüß", "********üß")]
    [InlineData(MaskKind.KeepFirst, 1, "日本", "日********")]
    [InlineData(MaskKind.KeepLast, 4, "2222", "********")]
    [InlineData(MaskKind.KeepLast, 4, "", "********")]
    [InlineData(MaskKind.KeepLast, 0, "abc", "********")]
    public void Characters_that_stay_are_whole_and_never_all_of_them(MaskKind kind, int keep, string value, string masked)
    {
        Assert.Equal(masked, InText(new MaskWith(kind, keep), Text, value));
        Assert.Null(InText(new MaskWith(kind, keep), Text, null));
        Assert.Null(InText(new MaskWith(kind, keep), Int4, "123456"));
    }

    [Fact]
    public void A_hash_is_the_same_for_the_same_value_and_key_alone()
    {
        var hash = new MaskWith(MaskKind.Hash);
        Assert.Equal(InText(hash, Text, "a"), InText(hash, Text, "a"));
        Assert.NotEqual(InText(hash, Text, "a"), InText(hash, Text, "b"));
        Assert.Equal(32, InText(hash, Text, "a")!.Length);
        var other = new Masker(hash, Text, false, new byte[] { 9 });
        var into = new byte[other.Room(1)];
        Assert.NotEqual(InText(hash, Text, "a"), Encoding.UTF8.GetString(into, 0, other.Mask("a"u8, false, into)));
    }

    [Theory]
    [InlineData(Date, "1971-07-17", "1971-01-01")]
    [InlineData(Date, "0044-03-15 BC", null)]
    [InlineData(Date, "17.07.1971", null)]
    [InlineData(Date, "infinity", null)]
    [InlineData(Timestamp, "2024-02-29 23:59:59.123", "2024-01-01 00:00:00")]
    [InlineData(TimestampTz, "2024-02-29 23:59:59+05", "2024-01-01 00:00:00+00")]
    [InlineData(Text, "2024-02-29", Masker.Redacted)]
    public void Of_a_date_the_year_stays(uint type, string value, string? masked) => Assert.Equal(masked, InText(new MaskWith(MaskKind.Year), type, value));

    [Fact]
    public void Of_a_date_in_binary_the_year_stays()
    {
        static byte[] Days(int year, int month, int day) => Bytes(new DateOnly(year, month, day).DayNumber - new DateOnly(2000, 1, 1).DayNumber);
        Assert.Equal(Days(1971, 1, 1), Mask(new MaskWith(MaskKind.Year), Date, Days(1971, 7, 17), binary: true));
        Assert.Null(Mask(new MaskWith(MaskKind.Year), Date, Bytes(int.MaxValue), binary: true)); // infinity
        var micros = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(micros, -1); // the last microsecond of 1999
        var masked = Mask(new MaskWith(MaskKind.Year), Timestamp, micros, binary: true)!;
        Assert.Equal(-365L * 86_400_000_000, BinaryPrimitives.ReadInt64BigEndian(masked));
        BinaryPrimitives.WriteInt64BigEndian(micros, long.MaxValue);
        Assert.Null(Mask(new MaskWith(MaskKind.Year), TimestampTz, micros, binary: true));
    }

    [Theory]
    [InlineData(Int4, "771177", "771000")]
    [InlineData(Int4, "-1501", "-2000")]
    [InlineData(Int4, "2147483647", "2147484000", true)]
    [InlineData(Int8, "9223372036854775807", null, true)]
    [InlineData(Numeric, "1234.56", "1000")]
    [InlineData(Numeric, "NaN", null)]
    [InlineData(Float8, "1499.9", "1000")]
    [InlineData(Text, "1499", Masker.Redacted)]
    public void A_number_is_rounded_within_its_type(uint type, string value, string? masked, bool overflows = false) =>
        Assert.Equal(overflows ? null : masked, InText(new MaskWith(MaskKind.Round, 3), type, value));

    [Fact]
    public void A_number_in_binary_is_rounded()
    {
        Assert.Equal(Bytes(771000), Mask(new MaskWith(MaskKind.Round, 3), Int4, Bytes(771177), binary: true));
        Assert.Null(Mask(new MaskWith(MaskKind.Round, 3), Int4, Bytes(int.MaxValue), binary: true));
        Assert.Null(Mask(new MaskWith(MaskKind.Round, 3), Int4, [1, 2], binary: true));
        Assert.Null(Mask(new MaskWith(MaskKind.Round, 3), Numeric, [0, 1, 0, 0, 0, 0, 0, 0, 0, 5], binary: true));
    }

    [Fact]
    public void A_value_too_long_to_be_looked_into_shows_nothing() =>
        Assert.Null(InText(new MaskWith(MaskKind.KeepLast, 4), Text, new string('x', Masker.Longest + 1)));

    [Theory]
    [InlineData("CHECK (txt <> '900-11-2233'::text)", "CHECK (txt <> '***********'::text)")]
    [InlineData("CHECK ((n > 3) AND (salary <> 771177))", "CHECK ((n > 3) AND (salary <> 000000))")]
    [InlineData("SELECT 'it''s' AS \"a 'b' 12345\", c12345 FROM t", "SELECT '*****' AS \"a 'b' 12345\", c12345 FROM t")]
    [InlineData("x = 'open", "x = '****")]
    [InlineData("varchar(255), numeric(10,2), 1234.5", "varchar(255), numeric(10,2), 0000.0")]
    [InlineData("CASE unit WHEN 'kg' THEN 'e'::text ELSE ''''::text END", "CASE unit WHEN 'kg' THEN 'e'::text ELSE ''''::text END")]
    public void Literals_in_definitions_are_blanked(string text, string blank)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Literals.Blank(bytes);
        Assert.Equal(blank, Encoding.UTF8.GetString(bytes));
    }

    [Theory]
    [InlineData("email", "email")]
    [InlineData("lower(name)", "lower(name)")]
    [InlineData("COALESCE(tier, 'gold'::text)", "COALESCE(tier, '****'::text)")]
    [InlineData("it's\" || 'secret'::text", "***********************")]
    [InlineData("lower(\"Name\")", "*************")]
    public void A_definition_that_lost_the_quotes_at_its_ends_shows_only_where_none_are_left(string text, string blank)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Literals.BlankTrimmed(bytes);
        Assert.Equal(blank, Encoding.UTF8.GetString(bytes));
    }

    [Theory]
    [InlineData("{}", "{}")]
    [InlineData("{email,NULL}", "{email,NULL}")]
    [InlineData("{'gold'::text,\"(n > 'it''s'::text)\",77712}", "{'****'::text,\"(n > '*****'::text)\",00000}")]
    [InlineData("{\"(\\\"a 'b\\\" > 'c\\\"d\\\\e'::text)\",'x'}", "{\"(\\\"a 'b\\\" > '*******'::text)\",'x'}")]
    [InlineData("{{a,'birds'},{'cat',d}}", "{{a,'*****'},{'cat',d}}")]
    [InlineData("{\"open 'x", "*********")]
    [InlineData("[0:0]={'x'}", "***********")]
    public void Literals_in_arrays_of_definitions_are_blanked(string text, string blank)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Literals.BlankArray(bytes, isBinary: false);
        Assert.Equal(blank, Encoding.UTF8.GetString(bytes));
    }

    [Fact]
    public void Lengths_in_binary_arrays_are_no_quotes()
    {
        var first = Encoding.UTF8.GetBytes("x <> '900-11-2233'".PadRight('\'')); // a length that looks like a quote
        byte[] array = [.. Bytes(1), .. Bytes(0), .. Bytes(25), .. Bytes(3), .. Bytes(1), .. Bytes(first.Length), .. first, .. Bytes(-1), .. Bytes(3), .. "'y'"u8];
        byte[] blank = [.. array];
        Literals.BlankArray(blank, isBinary: true);
        Assert.Equal(
            Encoding.Latin1.GetString(array).Replace("900-11-2233", "***********", StringComparison.Ordinal),
            Encoding.Latin1.GetString(blank));
        var cut = array[..^1];
        Literals.BlankArray(cut, isBinary: true);
        Assert.DoesNotContain("900", Encoding.Latin1.GetString(cut), StringComparison.Ordinal);
    }

    private static byte[] Bytes(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }
}
