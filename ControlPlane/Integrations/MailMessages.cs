using System.Globalization;
using System.Net;
using System.Text;
using AccessPlane.ControlPlane.Notifications;
using MimeKit;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>
/// News as a mail: plain text, and the same as HTML. There is a link to the console in it, and none that decides: those who look through mail for
/// dangers open every link. Headers are made of our own words and of names, each in one line; what others have written at length is quoted, line by line,
/// so that none of it can be taken for ours.
/// </summary>
internal static class MailMessages
{
    private const int LongestText = 20_000;
    private const int LongestSubject = 150;

    public static MimeMessage Of(News news, string from, IReadOnlyList<string> to, string url)
    {
        var mail = new MimeMessage();
        mail.From.Add(MailboxAddress.Parse(from));
        mail.To.AddRange(to.Select(MailboxAddress.Parse));
        mail.Date = news.Cause.At;
        // the same for each attempt: who gets it twice can tell
        mail.MessageId = $"{news.Id}@{from[(from.IndexOf('@', StringComparison.Ordinal) + 1)..]}";
        mail.Headers.Add("Auto-Submitted", "auto-generated");
        var (subject, lines) = Words(news);
        mail.Subject = OneLine(subject);
        var link = url.Length > 0 ? $"{url}/console/to-decide" : null;
        mail.Body = new BodyBuilder { TextBody = Plain(lines, link), HtmlBody = Html(lines, link) }.ToMessageBody();
        return mail;
    }

    private static (string Subject, IReadOnlyList<Line> Lines) Words(News news) => news.Body switch
    {
        Notification n => ($"{n.Who.Name} asks for {n.What.Entitlement} on {n.What.Resource}",
        [
            Ours("who", Who(n.Who)), Ours("what", $"{n.What.Entitlement} on {n.What.Resource}"), Ours("for", string.Create(CultureInfo.InvariantCulture, $"{n.What.Duration.TotalMinutes:0.#} minutes")),
            Theirs("reason", n.Why.Reason, "none"), Theirs("reference", n.Why.Reference, "none"), Ours("decide before", At(n.ExpiresAt)),
        ]),
        Decided d => ($"the request of {d.Who.Name} is {d.State}", [Ours("who", Who(d.Who)), Ours("what", $"{d.What.Entitlement} on {d.What.Resource}"), Ours("state", d.State)]),
        HoldNotification h => ($"an operation of {h.Who.Name} on {h.What.Resource} waits, risk {h.What.Risk}",
        [
            Ours("who", Who(h.Who)), Ours("where", Where(h.What)), Ours("rule", h.Why.Rule), Ours("risk", $"{h.What.Risk}"), Ours("decide before", At(h.ExpiresAt)), Theirs("statement", h.What.Text),
            .. h.What.Runs.Select(r => Theirs($"runs {r.Name}", r.Text)), .. h.What.Parameters.Select(p => p.Base64 is { } bytes ? Ours("parameter, base64", bytes) : Theirs("parameter", p.Text, "null")),
        ]),
        HoldDecided d => ($"the operation of {d.Who.Name} on {d.What.Resource} is {d.State}",
            [Ours("who", Who(d.Who)), Ours("where", Where(d.What)), Ours("state", d.State), Theirs("statement", d.What.Text)]),
        GrantNews g => ($"the grant of {g.Who.Name} has ended: {g.How}",
            [Ours("who", Who(g.Who)), Ours("what", $"{g.Entitlement} on {g.Resource}"), Ours("by", g.By), Theirs("why", g.Why, g.How)]),
        LockNews l => (l.Why is null ? "a lock is placed" : "a lock is lifted", [Theirs("reason", l.Reason), Ours("by", l.By ?? "time"), Theirs("why", l.Why ?? l.Reason)]),
        var body => throw new InvalidOperationException($"no mail is made of `{body.GetType().Name}`"),
    };

    /// <summary>In one line, behind its name: our own words, and names.</summary>
    private static Line Ours(string name, string value) => new(name, MailText.Line(Cut(value)), IsQuoted: false);

    /// <param name="absent">Our word where they wrote nothing.</param>
    private static Line Theirs(string name, string? text, string absent = "none") => text is null
        ? Ours(name, absent)
        : new Line(MailText.Line(name), MailText.Quoted(Cut(text)), IsQuoted: true);

    private static string Who(NotifiedWho who) => $"{who.Name} ({string.Join(" via ", who.Chain)})";

    private static string Where(HeldWhat what) => $"{what.Resource}, database {what.Database}, as {what.Role}";

    private static string At(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    private static string Plain(IReadOnlyList<Line> lines, string? link)
    {
        var text = new StringBuilder();
        foreach (var (name, value, isQuoted) in lines)
        {
            text.Append(CultureInfo.InvariantCulture, $"{name}:{(isQuoted ? '\n' : ' ')}{value}\n");
        }
        return text.Append(link is null ? "" : $"\ndecide in the console: {link}\n").ToString();
    }

    private static string Html(IReadOnlyList<Line> lines, string? link)
    {
        var html = new StringBuilder("<!doctype html><html><body><table>");
        foreach (var (name, value, _) in lines)
        {
            html.Append(
                CultureInfo.InvariantCulture,
                $"<tr><th align=\"left\" valign=\"top\">{WebUtility.HtmlEncode(name)}</th><td><pre>{WebUtility.HtmlEncode(value)}</pre></td></tr>");
        }
        html.Append("</table>");
        return html.Append(link is null ? "" : $"<p><a href=\"{WebUtility.HtmlEncode(link)}\">decide in the console</a></p>").Append("</body></html>").ToString();
    }

    /// <summary>Nothing that could end a header: what is not ASCII the mail's own encoding takes care of.</summary>
    internal static string OneLine(string text) => Cut(PeopleText.Line(text), LongestSubject);

    private static string Cut(string text, int longest = LongestText) => text.Length <= longest ? text : $"{text[..longest]}...";

    private sealed record Line(string Name, string Value, bool IsQuoted);
}
