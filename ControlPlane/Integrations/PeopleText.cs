using System.Globalization;
using System.Text;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>What people have written, for other people: letters of any script, and whatever hides or reorders spelled out as ⟨U+202E⟩. Not for what
/// somebody answers for letter by letter: that is <see cref="Contracts.ShownText"/>'s.</summary>
internal static class PeopleText
{
    /// <summary>In one line.</summary>
    public static string Line(string text) => Of(text, keepsLines: false);

    public static string Lines(string text) => Of(text, keepsLines: true);

    private static string Of(string text, bool keepsLines)
    {
        var shown = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            var hides = Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned;
            shown.Append(hides && !(keepsLines && (rune.Value is '\n' or '\t')) ? $"⟨U+{rune.Value:X4}⟩" : rune.ToString());
        }
        return shown.ToString();
    }
}
