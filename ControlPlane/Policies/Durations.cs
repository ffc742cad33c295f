using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>Durations as policies write them: `8h`, `30m`, `10s`, `7d`, and combinations such as `1h30m`, largest unit first.</summary>
public static partial class Durations
{
    public static TimeSpan Longest { get; } = TimeSpan.FromDays(3650);

    /// <summary>Null where the text is not a duration above zero and up to ten years.</summary>
    public static TimeSpan? Parse(string text)
    {
        var match = Form().Match(text);
        if (!match.Success || text.Length == 0)
        {
            return null;
        }
        var seconds = Part("d", 86_400) + Part("h", 3_600) + Part("m", 60) + Part("s", 1);
        return seconds > 0 && seconds <= (long)Longest.TotalSeconds ? TimeSpan.FromSeconds(seconds) : null;

        long Part(string unit, long factor) =>
            match.Groups[unit].Success ? long.Parse(match.Groups[unit].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture) * factor : 0;
    }

    public static string Text(TimeSpan duration)
    {
        var text = new StringBuilder();
        Part((long)duration.TotalDays, 'd');
        Part(duration.Hours, 'h');
        Part(duration.Minutes, 'm');
        Part(duration.Seconds, 's');
        return text.Length == 0 ? "0s" : text.ToString();

        void Part(long number, char unit)
        {
            if (number > 0)
            {
                text.Append(CultureInfo.InvariantCulture, $"{number}{unit}");
            }
        }
    }

    // seven digits are more than any unit needs, and few enough that nothing overflows
    [GeneratedRegex(@"\A(?:(?<d>[0-9]{1,7})d)?(?:(?<h>[0-9]{1,7})h)?(?:(?<m>[0-9]{1,7})m)?(?:(?<s>[0-9]{1,7})s)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Form();
}
