using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Terminal;

/// <summary>Times as the reader has them, and as the reader types them.</summary>
internal static partial class Times
{
    /// <summary>`14:03` of today, `2026-03-01 14:03` otherwise, in the reader's zone.</summary>
    public static string At(DateTimeOffset at, DateTimeOffset now, TimeZoneInfo zone)
    {
        var (here, today) = (TimeZoneInfo.ConvertTime(at, zone), TimeZoneInfo.ConvertTime(now, zone));
        return here.ToString(here.Date == today.Date ? "HH:mm" : "yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
    }

    /// <summary>`14:03:22.118`.</summary>
    public static string Exact(DateTimeOffset at, TimeZoneInfo zone) => TimeZoneInfo.ConvertTime(at, zone).ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture);

    /// <summary>`18 min left`, `3 min ago`.</summary>
    public static string Left(DateTimeOffset until, DateTimeOffset now) => until > now ? $"{Words.Of(until - now)} left" : $"{Words.Of(now - until)} ago";

    /// <summary>`20m`, `1h30m`, `2d`, `PT20M`.</summary>
    public static TimeSpan? Span(string text)
    {
        if (text.StartsWith('P'))
        {
            try
            {
                return XmlConvert.ToTimeSpan(text);
            }
            catch (Exception bad) when (bad is FormatException or OverflowException)
            {
                return null;
            }
        }
        if (Units().Match(text) is not { Success: true, Length: > 0 } match)
        {
            return null;
        }
        double Part(string name) => match.Groups[name] is { Success: true } g ? double.Parse(g.Value, CultureInfo.InvariantCulture) : 0;
        return TimeSpan.FromDays(Part("d")) + TimeSpan.FromHours(Part("h")) + TimeSpan.FromMinutes(Part("m")) + TimeSpan.FromSeconds(Part("s"));
    }

    /// <summary>`2026-03-01T14:03:00Z`, `2026-03-01 14:03` and `14:03` in the reader's zone, `20m ago`, `now`.</summary>
    public static DateTimeOffset? Instant(string text, DateTimeOffset now, TimeZoneInfo zone)
    {
        if (text == "now")
        {
            return now;
        }
        if (text.EndsWith(" ago", StringComparison.Ordinal))
        {
            return Span(text[..^4].Trim()) is { } ago ? now - ago : null;
        }
        if (Zoned().IsMatch(text))
        {
            return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, out var whole) ? whole : null;
        }
        var today = TimeZoneInfo.ConvertTime(now, zone).Date;
        if (TimeOnly.TryParse(text, CultureInfo.InvariantCulture, out var time))
        {
            var local = today + time.ToTimeSpan();
            return new DateTimeOffset(local, zone.GetUtcOffset(local));
        }
        return DateTime.TryParse(text, CultureInfo.InvariantCulture, out var day)
            ? new DateTimeOffset(DateTime.SpecifyKind(day, DateTimeKind.Unspecified), zone.GetUtcOffset(day))
            : null;
    }

    public static string Stamp(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(?:(?<d>\d{1,5})d)?(?:(?<h>\d{1,6})h)?(?:(?<m>\d{1,8})m(?:in)?)?(?:(?<s>\d{1,9})s)?$", RegexOptions.CultureInvariant)]
    private static partial Regex Units();

    [GeneratedRegex(@"(?:Z|[+-]\d\d:\d\d)$", RegexOptions.CultureInvariant)]
    private static partial Regex Zoned();
}
