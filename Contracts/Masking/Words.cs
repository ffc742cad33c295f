namespace AccessPlane.Contracts.Masking;

/// <summary>What is recognised by how it is written: addresses, tokens, keys.</summary>
internal static class Words
{
    private const int LongestLocal = 64;
    private const int LongestDomain = 253;

    /// <summary>A name, `@`, and a domain with a top level of letters.</summary>
    public static (int Start, int Length) Email(ReadOnlySpan<byte> text, int at)
    {
        var next = text[at..].IndexOf((byte)'@');
        if (next < 0)
        {
            return (text.Length, 0);
        }
        var middle = at + next;
        var start = middle;
        while (start > at && middle - start < LongestLocal && IsLocal(text[start - 1]))
        {
            start--;
        }
        while (start < middle && text[start] == '.')
        {
            start++;
        }
        var (end, lastDot) = (middle + 1, -1);
        while (end < text.Length && end - middle <= LongestDomain && (Detectors.IsWord(text[end]) || text[end] is (byte)'-' or (byte)'.') && text[end] != '_')
        {
            if (text[end] == '.')
            {
                if (text[end - 1] is (byte)'.' or (byte)'@')
                {
                    break;
                }
                lastDot = end;
            }
            end++;
        }
        while (end > middle && text[end - 1] is (byte)'.' or (byte)'-')
        {
            end--;
            lastDot = lastDot >= end ? text[middle..end].LastIndexOf((byte)'.') + middle : lastDot;
        }
        var top = lastDot > middle ? text[(lastDot + 1)..end] : default;
        return start < middle && top.Length >= 2 && !top.ContainsAnyInRange((byte)'0', (byte)'9') ? (start, end - start) : (middle + 1, 0);
    }

    /// <summary>Three parts of base64url, the first two of which begin as JSON does.</summary>
    public static (int Start, int Length) Jwt(ReadOnlySpan<byte> text, int at)
    {
        var next = text[at..].IndexOf("eyJ"u8);
        if (next < 0)
        {
            return (text.Length, 0);
        }
        var start = at + next;
        var header = Base64(text, start);
        if (header - start < 10 || Detectors.At(text, header) != '.' || !text[(header + 1)..].StartsWith("eyJ"u8))
        {
            return (Math.Max(start + 3, header), 0); // what begins further on in this run ends as it does
        }
        var claims = Base64(text, header + 1);
        var end = Detectors.At(text, claims) == '.' ? Base64(text, claims + 1) : claims;
        return Detectors.At(text, claims) == '.' ? (start, end - start) : (header, 0);
    }

    /// <summary>Keys that say whose they are.</summary>
    public static (int Start, int Length) Secret(ReadOnlySpan<byte> text, int at)
    {
        var c = text[at];
        if (c == '-')
        {
            return Pem(text, at);
        }
        if (!Detectors.IsLetter(c) || Detectors.IsWord(Detectors.At(text, at - 1)))
        {
            return (at, 0);
        }
        var rest = text[at..];
        var length = c switch
        {
            (byte)'A' => Key(rest, "AKIA"u8, 16, 16, upper: true) + Key(rest, "ASIA"u8, 16, 16, upper: true) + Key(rest, "AIza"u8, 35, 35),
            (byte)'g' => Key(rest, "ghp_"u8, 36, 255) + Key(rest, "gho_"u8, 36, 255) + Key(rest, "ghs_"u8, 36, 255) + Key(rest, "ghu_"u8, 36, 255) +
                Key(rest, "ghr_"u8, 36, 255) + Key(rest, "github_pat_"u8, 22, 255) + Key(rest, "glpat-"u8, 20, 64),
            (byte)'x' => Key(rest, "xoxb-"u8, 10, 255) + Key(rest, "xoxp-"u8, 10, 255) + Key(rest, "xoxa-"u8, 10, 255) + Key(rest, "xoxr-"u8, 10, 255) +
                Key(rest, "xoxs-"u8, 10, 255) + Key(rest, "xapp-"u8, 10, 255),
            (byte)'s' => Key(rest, "sk_live_"u8, 16, 255) + Key(rest, "sk_test_"u8, 16, 255) + Key(rest, "sk-"u8, 32, 255),
            (byte)'r' => Key(rest, "rk_live_"u8, 16, 255),
            (byte)'n' => Key(rest, "npm_"u8, 36, 36),
            (byte)'p' => Key(rest, "pypi-"u8, 32, 255),
            (byte)'h' => Key(rest, "hvs."u8, 24, 255),
            (byte)'d' => Key(rest, "dop_v1_"u8, 64, 64),
            _ => 0,
        };
        return (at, length);
    }

    /// <summary>A prefix and so many characters behind it that do not look like a word.</summary>
    private static int Key(ReadOnlySpan<byte> text, ReadOnlySpan<byte> prefix, int least, int most, bool upper = false)
    {
        if (!text.StartsWith(prefix))
        {
            return 0;
        }
        var end = Base64(text[..Math.Min(text.Length, prefix.Length + most + 1)], prefix.Length);
        var body = text[prefix.Length..end];
        if (body.Length < least || body.Length > most || (upper && body.ContainsAnyInRange((byte)'a', (byte)'z')))
        {
            return 0;
        }
        Span<bool> seen = stackalloc bool[128];
        var different = 0;
        foreach (var c in body)
        {
            different += seen[c & 127] ? 0 : 1;
            seen[c & 127] = true;
        }
        return different >= 6 && body.ContainsAnyInRange((byte)'0', (byte)'9') ? end : 0;
    }

    private static (int Start, int Length) Pem(ReadOnlySpan<byte> text, int at)
    {
        var rest = text[at..];
        if (!rest.StartsWith("-----BEGIN "u8))
        {
            return (at, 0);
        }
        var head = rest[..Math.Min(rest.Length, 64)].IndexOf("PRIVATE KEY-----"u8);
        if (head < 0)
        {
            return (at + 11, 0);
        }
        var tail = rest[(head + 16)..].IndexOf("PRIVATE KEY-----"u8);
        return (at, tail < 0 ? rest.Length : head + 16 + tail + 16);
    }

    private static int Base64(ReadOnlySpan<byte> text, int at)
    {
        while (at < text.Length && (Detectors.IsLetter(text[at]) || Detectors.IsDigit(text[at]) || text[at] is (byte)'-' or (byte)'_'))
        {
            at++;
        }
        return at;
    }

    private static bool IsLocal(byte c) => Detectors.IsWord(c) || c is (byte)'.' or (byte)'+' or (byte)'-' or (byte)'%' or (byte)'\'' or (byte)'!' or (byte)'#' or
        (byte)'&' or (byte)'*' or (byte)'=' or (byte)'?' or (byte)'^' or (byte)'{' or (byte)'|' or (byte)'}' or (byte)'~' or (byte)'/';
}
