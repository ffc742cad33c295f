using System.Globalization;
using FluentValidation;

namespace AccessPlane.ControlPlane.Http;

/// <summary>Text that people write and other people decide by: it must look like what it is.</summary>
public static class ReadableText
{
    public const int Longest = 2_000;

    /// <summary>Bounded, and without characters that hide or reorder what an approver reads.</summary>
    public static IRuleBuilderOptions<T, string?> Readable<T>(this IRuleBuilder<T, string?> rule, int longest = Longest) => rule
        .MaximumLength(longest).WithMessage($"must be at most {longest} characters")
        .Must(text => text is null || IsReadable(text)).WithMessage("must not hold control characters, unpaired surrogates or characters that change the direction of text");

    public static bool IsReadable(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogate(text[i]))
            {
                if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
                {
                    return false;
                }
                i++;
            }
            else if (text[i] is not ('\n' or '\t') &&
                CharUnicodeInfo.GetUnicodeCategory(text[i]) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
                && text[i] is not ('\u200c' or '\u200d')) // joiners belong to several scripts and to emoji
            {
                return false;
            }
        }
        return true;
    }
}
