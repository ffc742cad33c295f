using System.Text;
using System.Text.Encodings.Web;
using AccessPlane.Contracts;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Evidence;

/// <summary>A page under way. Whatever is not written in this code goes through <see cref="Text"/>.</summary>
internal sealed class HtmlText(Stream body)
{
    private readonly StringBuilder pending = new();

    /// <param name="html">Written in this code, never by anybody else.</param>
    public HtmlText Raw(string html)
    {
        pending.Append(html);
        return this;
    }

    /// <summary>Escaped; what hides or reorders text is spelled out.</summary>
    public HtmlText Text(string text)
    {
        pending.Append(HtmlEncoder.Default.Encode(ReadableText.IsReadable(text) ? text : ShownText.Of(text)));
        return this;
    }

    public void Row(params IEnumerable<string> cells)
    {
        pending.Append("<tr>");
        foreach (var cell in cells)
        {
            Raw("<td>").Text(cell).Raw("</td>");
        }
        pending.Append("</tr>");
    }

    public async Task Send(CancellationToken cancel)
    {
        await body.WriteAsync(Encoding.UTF8.GetBytes(pending.ToString()), cancel);
        pending.Clear();
    }
}
