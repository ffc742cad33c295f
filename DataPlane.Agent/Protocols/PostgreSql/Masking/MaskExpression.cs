using System.Globalization;
using System.Text.Encodings.Web;
using AccessPlane.Contracts.Masking;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>
/// What stands in a view for a masked column: the closed catalogue. INVARIANT: every expression is total (no value, whatever it is, makes it fail, because
/// an error could tell of it), immutable, of the column's own type, and made of nothing but `pg_catalog`. What the type cannot hold is NULL, and the
/// constant kinds are the same for every value, as <see cref="Masker"/> has it.
/// </summary>
internal static class MaskExpression
{
    private const uint Name = 19, Int8 = 20, Int2 = 21, Int4 = 23, Text = 25, Json = 114, Float4 = 700, Float8 = 701, BpChar = 1042, VarChar = 1043, Date = 1082,
        Timestamp = 1114, TimestampTz = 1184, Numeric = 1700, JsonB = 3802;

    /// <summary>Bytes of one character in any encoding of a server.</summary>
    private const int LongestCharacter = 4;

    private const string Stars = "'********'::pg_catalog.text";

    public static string Of(GroundColumn column, MaskWith with)
    {
        ArgumentNullException.ThrowIfNull(column);
        ArgumentNullException.ThrowIfNull(with);
        var masked = with.Kind switch
        {
            MaskKind.KeepFirst or MaskKind.KeepLast when IsText(column.TypeOid) => Keep(column, with),
            MaskKind.Year when column.TypeOid is Date or Timestamp or TimestampTz => Year(column),
            MaskKind.Round => Round(column, with.Keep),
            _ => null,
        } ?? Constant(column, with);
        return column.Collation is null ? masked : $"({masked}) collate {column.Collation}";
    }

    private static bool IsText(uint type) => type is Text or VarChar or BpChar or Name;

    private static string Constant(GroundColumn column, MaskWith with)
    {
        var text = with.Kind == MaskKind.Fixed ? with.Text ?? "" : Masker.Redacted;
        var said = with.Kind == MaskKind.Null || text.Contains('\0', StringComparison.Ordinal) ? null : column.TypeOid switch
        {
            Text or VarChar or BpChar => text,
            Name => System.Text.Encoding.UTF8.GetByteCount(text) <= MaskSql.LongestName ? text : null,
            Json or JsonB => $"\"{JavaScriptEncoder.Default.Encode(text)}\"",
            _ => null,
        };
        return said is null ? $"null::{column.Type}" : $"{MaskSql.Text(said)}::{column.Type}";
    }

    /// <summary>The stars do not tell how many characters there were, and a value that would all stay shows nothing. What most values need comes first,
    /// and what a type cannot hold is not asked: this runs once per row.</summary>
    private static string Keep(GroundColumn column, MaskWith with)
    {
        var (name, keep) = (MaskSql.Name(column.Name), Math.Max(0, with.Keep));
        var value = $"{name}::pg_catalog.text";
        var kept = with.Kind == MaskKind.KeepFirst
            ? $"pg_catalog.\"left\"({value}, {keep}) operator(pg_catalog.||) {Stars}"
            : $"{Stars} operator(pg_catalog.||) pg_catalog.\"right\"({value}, {keep})";
        var counted = column.TypeOid == BpChar ? name : value; // which need not be copied without its padding to be counted
        var (size, most) = column.TypeOid == Name ? ($"pg_catalog.octet_length({kept})", MaskSql.LongestName) : ($"pg_catalog.octet_length({value})", Masker.Longest);
        var mayBeTooLong = column.TypeOid is not (VarChar or BpChar) || column.Modifier < 4 || (long)(column.Modifier - 4) * LongestCharacter > Masker.Longest;
        var (fits, tooLong) = mayBeTooLong ? ($" and {size} operator(pg_catalog.<=) {most}", $" or {size} operator(pg_catalog.>) {most}") : ("", "");
        return $"case when pg_catalog.char_length({counted}) operator(pg_catalog.>) {keep}{fits} then ({kept})::{column.Type} " +
            $"when {name} is null{tooLong} then null::{column.Type} else {Stars}::{column.Type} end";
    }

    /// <summary>Of years that every client can read.</summary>
    private static string Year(GroundColumn column)
    {
        var value = MaskSql.Name(column.Name);
        var moment = column.TypeOid == TimestampTz ? $"pg_catalog.timezone('UTC'::pg_catalog.text, {value})" : $"{value}::timestamp without time zone";
        var first = $"pg_catalog.date_trunc('year'::pg_catalog.text, {moment})";
        var shown = column.TypeOid == TimestampTz ? $"pg_catalog.timezone('UTC'::pg_catalog.text, {first})" : first;
        var type = column.TypeOid switch { Date => "date", Timestamp => "timestamp without time zone", _ => "timestamp with time zone" };
        var zone = column.TypeOid == TimestampTz ? " 00:00:00+00" : "";
        return $"case when {value} operator(pg_catalog.>=) '0001-01-01{zone}'::{type} and {value} operator(pg_catalog.<) '10000-01-01{zone}'::{type} " +
            $"then ({shown})::{column.Type} else null::{column.Type} end";
    }

    /// <summary>Away from zero, within what the type holds. Null where it is no number.</summary>
    private static string? Round(GroundColumn column, int digits) => column.TypeOid switch
    {
        Int2 => Whole(column, digits, "32768"),
        Int4 => Whole(column, digits, "2147483648"),
        Int8 => Whole(column, digits, "9223372036854775808"),
        Numeric => Whole(column, digits, "1e" + IntegerDigits(column.Modifier).ToString(CultureInfo.InvariantCulture)),
        Float4 => Floating(column, digits, "1.5e38"),
        Float8 => Floating(column, digits, "8e307"),
        _ => null,
    };

    /// <param name="limit">The first number above what the type holds; so is its negative below, or it is refused with it.</param>
    private static string Whole(GroundColumn column, int digits, string limit)
    {
        var value = $"{MaskSql.Name(column.Name)}::numeric";
        var rounded = $"pg_catalog.round({value}, -{Math.Clamp(digits, 0, 18)})";
        // NaN is above every number, and what is this large may not be rounded further up
        return $"case when pg_catalog.abs({value}) operator(pg_catalog.<) '1e27'::numeric " +
            $"then case when pg_catalog.abs({rounded}) operator(pg_catalog.<) '{limit}'::numeric then ({rounded})::{column.Type} else null::{column.Type} end else null::{column.Type} end";
    }

    /// <summary>Digits before the point that a numeric has room for: `numeric(p,s)` is kept as (p &lt;&lt; 16 | s) + 4, s in eleven bits with a sign.</summary>
    private static int IntegerDigits(int modifier)
    {
        if (modifier < 4)
        {
            return 28;
        }
        var scale = (modifier - 4) & 0x7ff;
        return (((modifier - 4) >> 16) & 0xffff) - ((scale ^ 1024) - 1024);
    }

    /// <param name="limit">Half of what the type holds: rounding at most doubles.</param>
    private static string Floating(GroundColumn column, int digits, string limit)
    {
        var (value, step) = ($"{MaskSql.Name(column.Name)}::double precision", $"'1e{Math.Clamp(digits, 0, 300).ToString(CultureInfo.InvariantCulture)}'::double precision");
        var size = $"pg_catalog.abs({value})";
        // a quotient too small to be told from zero is an error of its own
        return $"case when {size} operator(pg_catalog.>=) '{limit}'::double precision then null::{column.Type} " +
            $"when {size} operator(pg_catalog.<) ({step} operator(pg_catalog./) '2'::double precision) then '0'::{column.Type} " +
            $"when {size} operator(pg_catalog.<) '{limit}'::double precision then (pg_catalog.sign({value}) operator(pg_catalog.*) " +
            $"pg_catalog.floor(({size} operator(pg_catalog./) {step}) operator(pg_catalog.+) '0.5'::double precision) operator(pg_catalog.*) {step})::{column.Type} else null::{column.Type} end";
    }
}
