using System.Net;
using System.Net.Mail;
using System.Text;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>What a mail says.</summary>
internal static class MailText
{
    private const string Quote = "> ", Continued = ">> ";

    /// <summary>Below this mail programs break no line by themselves, and so none that could seem to go on with words of ours.</summary>
    private const int LongestLine = 74;

    /// <summary>What others have written, so that none of its lines can be taken for one of ours: each begins with a mark.</summary>
    public static string Quoted(string text) => string.Join('\n', PeopleText.Lines(text).Split('\n').Select(line => Quote + Broken(line)));

    /// <summary>One line; what is too long for one goes on behind a mark.</summary>
    public static string Line(string text) => Broken(PeopleText.Line(text));

    private static string Broken(string line)
    {
        var (broken, width) = (new StringBuilder(), 0);
        foreach (var rune in line.EnumerateRunes())
        {
            var own = rune.Value switch { '\t' => 8, < 0x80 => 1, _ => 2 };
            if (width + own > LongestLine)
            {
                broken.Append('\n').Append(Continued);
                width = 0;
            }
            broken.Append(rune.ToString());
            width += own;
        }
        return broken.ToString();
    }

    public static bool IsAddress(string text) => MailAddress.TryCreate(text, out var address) && address.Address == text && text.All(c => c is > ' ' and <= '~');

    public static bool IsLoopback(string host) => host == "localhost" || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
}
