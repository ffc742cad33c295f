using System.Globalization;
using System.Text;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;

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

    /// <summary>Names can hold any character.</summary>
    public static StatementFacts Of(StatementFacts facts)
    {
        ArgumentNullException.ThrowIfNull(facts);
        return facts with
        {
            Unknown = OrNull(facts.Unknown),
            Refused = OrNull(facts.Refused),
            Opaque = OrNull(facts.Opaque),
            Relations = [.. facts.Relations.Select(r => r with { Name = Of(r.Name) })],
            Columns = [.. facts.Columns.Select(c => c with { Column = Of(c.Column) })],
            Functions = [.. facts.Functions.Select(Of)],
            Names = facts.Names?.Select(n => n with { Name = OrNull(n.Name) }).ToList(),
            Outputs = facts.Outputs?.Select(o => o with { Name = Of(o.Name), Sources = [.. o.Sources.Select(Of)] }).ToList(),
            Lineage = null, // for rules about masks, not for eyes
        };
    }

    /// <summary>Reasons name what a statement touches.</summary>
    public static IReadOnlyList<Reason> Of(IReadOnlyList<Reason> reasons) => [.. reasons.Select(r => r with { Text = Of(r.Text) })];

    public static IReadOnlyList<HeldParameter> Of(IReadOnlyList<HeldParameter> parameters) => [.. parameters.Select(p => p with { Text = OrNull(p.Text) })];

    public static IReadOnlyList<HeldRun> Of(IReadOnlyList<HeldRun> runs) => [.. runs.Select(r => new HeldRun(Of(r.Name), Of(r.Text)))];

    private static string? OrNull(string? text) => text is null ? null : Of(text);

    private static bool IsPlain(char c) => c is >= ' ' and <= '~' or '\n' or '\t' or (>= '\u00c0' and <= '\u00ff' and not ('\u00d7' or '\u00f7'));
}
