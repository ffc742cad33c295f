using System.Text;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>
/// Text of others inside of Slack's mrkdwn, where it must be nothing but text. It only ever stands in a code span or a code block, where nothing is
/// formatted or linked; `&amp;`, `&lt;` and `&gt;` are escaped, so that no mention can begin, and the back tick, which would end the code, is spelled out.
/// </summary>
internal static class SlackText
{
    /// <summary>In one line.</summary>
    public static string Span(string text, int longest = 200) => $"`{Cut(text.Length == 0 ? " " : PeopleText.Line(text), longest).Text}`";

    /// <summary>Whether all of it stands in the span.</summary>
    public static bool Fits(string text, int longest = 200) => Cut(PeopleText.Line(text), longest).IsWhole;

    /// <summary>What was made to be seen already.</summary>
    /// <returns>With whether it is all of it.</returns>
    public static (string Text, bool IsWhole) Shown(string shown, int longest)
    {
        var (cut, isWhole) = Cut(shown, longest);
        return ($"```\n{cut}\n```", isWhole);
    }

    /// <param name="longest">After escaping: it is Slack that counts.</param>
    private static (string Text, bool IsWhole) Cut(string text, int longest)
    {
        var escaped = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            var one = rune.Value switch { '&' => "&amp;", '<' => "&lt;", '>' => "&gt;", '`' => "⟨U+0060⟩", _ => rune.ToString() };
            if (escaped.Length + one.Length > longest)
            {
                return ($"{escaped}…", false);
            }
            escaped.Append(one);
        }
        return (escaped.ToString(), true);
    }
}
