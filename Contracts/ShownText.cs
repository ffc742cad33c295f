using System.Globalization;
using System.Text;

namespace AccessPlane.Contracts;

/// <summary>
/// Text as a person must see it who answers for it: complete, with everything that hides, reorders or looks like something else spelled out as
/// <c>⟨U+202E⟩</c>. Plain are ASCII that prints, line feeds, tabs and the letters of Latin-1; all else is spelled out, the brackets themselves among it,
/// so that what is shown can be read back in one way only.
/// </summary>
public static class ShownText
{
    public static string Of(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.AsSpan().IndexOfAnyExceptInRange(' ', '~') < 0)
        {
            return text;
        }
        var shown = new StringBuilder(text.Length + 16);
        for (var i = 0; i < text.Length; i++)
        {
            if (IsPlain(text[i]))
            {
                shown.Append(text[i]);
                continue;
            }
            var isPair = char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]);
            var code = isPair ? char.ConvertToUtf32(text[i], text[i + 1]) : text[i];
            i += isPair ? 1 : 0;
            shown.Append(CultureInfo.InvariantCulture, $"⟨U+{code:X4}⟩");
        }
        return shown.ToString();
    }

    private static bool IsPlain(char c) => c is >= ' ' and <= '~' or '\n' or '\t' or (>= '\u00c0' and <= '\u00ff' and not ('\u00d7' or '\u00f7'));
}
