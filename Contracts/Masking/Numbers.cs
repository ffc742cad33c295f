namespace AccessPlane.Contracts.Masking;

/// <summary>What is recognised by its digits. Each looks from one place on and gives where to go on: the start, and a length of 0 where nothing is.</summary>
internal static class Numbers
{
    private const int LongestIban = 34;

    /// <summary>13 to 19 digits, in groups or not, of an issuer that exists, that add up by Luhn.</summary>
    public static (int Start, int Length) Card(ReadOnlySpan<byte> text, int at)
    {
        if (!StartsNumber(text, at))
        {
            return (at, 0);
        }
        var (digits, sum, end) = (0, 0, at);
        Span<byte> seen = stackalloc byte[19];
        for (var i = at; i < text.Length && digits < 19; i++)
        {
            if (Detectors.IsDigit(text[i]))
            {
                seen[digits++] = (byte)(text[i] - '0');
                end = i + 1;
            }
            else if (text[i] is not ((byte)' ' or (byte)'-') || !Detectors.IsDigit(Detectors.At(text, i + 1)))
            {
                break;
            }
        }
        if (digits < 13 || Detectors.IsWord(Detectors.At(text, end)) || seen[0] is 0 or 1 or 7 or 8 or 9)
        {
            return (at, 0);
        }
        var same = true;
        for (var i = 0; i < digits; i++)
        {
            var digit = seen[digits - 1 - i] * (1 + (i & 1));
            sum += digit > 9 ? digit - 9 : digit;
            same &= seen[i] == seen[0];
        }
        return sum % 10 == 0 && !same ? (at, end - at) : (at, 0);
    }

    /// <summary>`123-45-6789`, of numbers that are given out.</summary>
    public static (int Start, int Length) Ssn(ReadOnlySpan<byte> text, int at)
    {
        const int length = 11;
        if (!StartsNumber(text, at) || at + length > text.Length || Detectors.At(text, at - 1) == '-' || Detectors.IsWord(Detectors.At(text, at + length)) ||
            Detectors.At(text, at + length) == '-')
        {
            return (at, 0);
        }
        var number = text.Slice(at, length);
        for (var i = 0; i < length; i++)
        {
            if (i is 3 or 6 ? number[i] is not ((byte)'-' or (byte)' ') : !Detectors.IsDigit(number[i]))
            {
                return (at, 0);
            }
        }
        var never = number.StartsWith("000"u8) || number.StartsWith("666"u8) || number[4..6].SequenceEqual("00"u8) || number[7..].SequenceEqual("0000"u8);
        return never || number[3] != number[6] ? (at, 0) : (at, length);
    }

    /// <summary>An international number (`+` and 8 to 15 digits) or a North American one in its usual spellings.</summary>
    public static (int Start, int Length) Phone(ReadOnlySpan<byte> text, int at)
    {
        var first = text[at];
        if ((first != '+' && first != '(' && !StartsNumber(text, at)) || Detectors.IsWord(Detectors.At(text, at - 1)) || Detectors.At(text, at - 1) is (byte)'+' or (byte)'.' or (byte)'-')
        {
            return (at, 0);
        }
        var (digits, separators, end, brackets) = (0, 0, at, 0);
        for (var i = at; i < text.Length && digits < 16; i++)
        {
            var c = text[i];
            if (Detectors.IsDigit(c))
            {
                digits++;
                end = i + 1;
            }
            else if (c is (byte)' ' or (byte)'-' or (byte)'.' or (byte)'(' or (byte)')' && i + 1 < text.Length && (c == '(' || separators < i))
            {
                brackets += c == '(' ? 1 : 0;
                separators++;
                if (!(Detectors.IsDigit(text[i + 1]) || text[i + 1] is (byte)'(' or (byte)' ') || separators > 6)
                {
                    break;
                }
            }
            else if (i > at || c != '+')
            {
                break;
            }
        }
        if (Detectors.IsWord(Detectors.At(text, end)) || (Detectors.At(text, end) is (byte)'-' or (byte)'.' && Detectors.IsDigit(Detectors.At(text, end + 1))))
        {
            return (at, 0);
        }
        var international = first == '+' && digits is >= 8 and <= 15;
        var american = first != '+' && digits == 10 && separators >= 2 && IsGrouped(text[at..end]);
        return international || american ? (at, end - at) : (at, 0);
    }

    /// <summary>`555-123-4567`, `(555) 123-4567`, `555.123.4567`.</summary>
    private static bool IsGrouped(ReadOnlySpan<byte> number)
    {
        var (group, digits) = (0, 0);
        ReadOnlySpan<int> wanted = [3, 3, 4];
        for (var i = 0; i <= number.Length; i++)
        {
            if (i < number.Length && Detectors.IsDigit(number[i]))
            {
                digits++;
            }
            else if (digits > 0)
            {
                if (group == 3 || digits != wanted[group++])
                {
                    return false;
                }
                digits = 0;
            }
        }
        return group == 3;
    }

    /// <summary>Country, check digits and account whose remainder by 97 is 1, in groups of four or not.</summary>
    public static (int Start, int Length) Iban(ReadOnlySpan<byte> text, int at)
    {
        if (!Detectors.IsLetter(text[at]) || Detectors.IsWord(Detectors.At(text, at - 1)) || !Detectors.IsLetter(Detectors.At(text, at + 1)) ||
            !Detectors.IsDigit(Detectors.At(text, at + 2)) || !Detectors.IsDigit(Detectors.At(text, at + 3)))
        {
            return (at, 0);
        }
        Span<byte> seen = stackalloc byte[LongestIban];
        var (count, best, bestEnd) = (0, 0, at);
        for (var i = at; i < text.Length && count < LongestIban; i++)
        {
            var c = text[i];
            if (Detectors.IsDigit(c) || Detectors.IsLetter(c))
            {
                seen[count++] = c;
                if (count >= 15 && !Detectors.IsWord(Detectors.At(text, i + 1)) && Remainder(seen[..count]) == 1)
                {
                    (best, bestEnd) = (count, i + 1);
                }
            }
            else if (c != ' ' || count % 4 != 0)
            {
                break;
            }
        }
        return best > 0 ? (at, bestEnd - at) : (at, 0);
    }

    private static int Remainder(ReadOnlySpan<byte> account)
    {
        var rest = 0;
        for (var i = 0; i < account.Length; i++)
        {
            var c = account[(i + 4) % account.Length];
            rest = Detectors.IsDigit(c) ? ((rest * 10) + c - '0') % 97 : ((rest * 100) + (c | 0x20) - 'a' + 10) % 97;
        }
        return rest;
    }

    private static bool StartsNumber(ReadOnlySpan<byte> text, int at) =>
        Detectors.IsDigit(text[at]) && !Detectors.IsWord(Detectors.At(text, at - 1)) && Detectors.At(text, at - 1) != '.';
}
