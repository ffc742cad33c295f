using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.Agent.Recording;

/// <summary>
/// Formats entries in their canonical form (the member order of <see cref="TranscriptEntry"/>) into one buffer that is used again and again:
/// in steady state nothing is allocated.
/// </summary>
internal sealed partial class TranscriptWriter : IDisposable
{
    public const int LongestText = 1 << 20;
    public const int LongestParameters = 64 << 10;
    private const int LongestMessage = 8 << 10;

    private readonly EntryBuffer buffer = new();
    private readonly Utf8JsonWriter json;
    private int entryStart;

    public TranscriptWriter() =>
        json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });

    /// <summary>Bytes of whole entries, each with its line feed.</summary>
    public int Length => buffer.Length;

    public ReadOnlySpan<byte> Pending => buffer.From(0);

    public void Begin(long seq, DateTimeOffset at, ReadOnlySpan<byte> kind)
    {
        entryStart = buffer.Length;
        json.Reset();
        json.WriteStartObject();
        json.WriteNumber("seq"u8, seq);
        Span<byte> stamp = stackalloc byte[27];
        at.UtcDateTime.TryFormat(stamp, out var written, "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", null);
        json.WriteString("at"u8, stamp[..written]);
        json.WriteString("kind"u8, kind);
    }

    /// <summary>Ends the entry; its bytes without the line feed.</summary>
    public ReadOnlySpan<byte> End()
    {
        json.WriteEndObject();
        json.Flush();
        var entry = buffer.From(entryStart);
        buffer.Add((byte)'\n');
        return entry;
    }

    /// <summary>Takes the entries after <paramref name="length"/> back.</summary>
    public void Truncate(int length) => buffer.Truncate(length);

    public void Clear() => buffer.Clear();

    public void Start(SessionStart start)
    {
        json.WritePropertyName("start"u8);
        json.Flush();
        JsonSerializer.Serialize(json, start, AccessPlane.Contracts.Json.Options);
    }

    public void Operation(long op) => json.WriteNumber("op"u8, op);

    public void Statement(string protocol, ReadOnlySpan<byte> text)
    {
        json.WriteString("protocol"u8, protocol);
        if (text.Length <= LongestText && Utf8.IsValid(text))
        {
            json.WriteString("text"u8, text);
            return;
        }
        var shown = Encoding.UTF8.GetString(text[..Math.Min(text.Length, LongestText)]);
        json.WriteString("text"u8, shown);
        json.WriteNumber("textOmitted"u8, Math.Max(0, text.Length - LongestText));
        json.WriteString("textHash"u8, Convert.ToHexStringLower(SHA256.HashData(text)));
    }

    /// <summary>What statements are judged by, for them to name.</summary>
    public void Facts(RecordedFacts facts)
    {
        json.WriteString("factsHash"u8, facts.Hash);
        if (facts.Json.Length > RecordedFacts.Longest)
        {
            json.WriteNumber("factsOmitted"u8, facts.Json.Length);
            return;
        }
        json.WritePropertyName("facts"u8);
        json.WriteRawValue(facts.Json.Span, skipInputValidation: true);
    }

    public void Scope(RecordedFacts scope)
    {
        json.WriteString("scopeHash"u8, scope.Hash);
        json.WritePropertyName("scope"u8);
        json.WriteRawValue(scope.Json.Span, skipInputValidation: true);
    }

    public void Judgement(StatementFacts facts, Ruling ruling)
    {
        json.WriteStartArray("statements"u8);
        for (var i = 0; i < facts.Kinds.Count; i++)
        {
            json.WriteStringValue(facts.Kinds[i]);
        }
        json.WriteEndArray();
        if (ruling.Context is { } context)
        {
            json.WriteString("factsHash"u8, RecordedFacts.Of(facts).Hash);
            json.WriteString("scopeHash"u8, RecordedFacts.Of(context.Scope).Hash);
            json.WriteBoolean("inTransaction"u8, context.InTransaction);
        }
        json.WriteString("effect"u8, Name(ruling.Effect));
        json.WriteStartArray("reasons"u8);
        for (var i = 0; i < ruling.Reasons.Count; i++)
        {
            json.WriteStartObject();
            json.WriteString("rule"u8, ruling.Reasons[i].Rule);
            json.WriteString("effect"u8, Name(ruling.Reasons[i].Effect));
            json.WriteString("text"u8, ruling.Reasons[i].Text);
            if (ruling.Reasons[i].Observed)
            {
                json.WriteBoolean("observed"u8, true);
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteNumber("policy"u8, ruling.PolicyVersion);
    }

    public void Parameters(in BoundParameters parameters)
    {
        if (parameters.Count == 0)
        {
            return;
        }
        if (parameters.Omitted > 0)
        {
            json.WriteNumber("paramsOmitted"u8, parameters.Omitted);
            return;
        }
        if (parameters.Values.Length > LongestParameters)
        {
            json.WriteNumber("paramsOmitted"u8, parameters.Values.Length);
            json.WriteString("paramsHash"u8, Convert.ToHexStringLower(SHA256.HashData(parameters.Values)));
            return;
        }
        json.WriteStartArray("params"u8);
        var values = parameters.Values;
        for (var i = 0; i < parameters.Count; i++)
        {
            // a message whose lengths do not add up is the server's to refuse; what it carried is recorded all the same
            if (values.Length < 4 || BinaryPrimitives.ReadInt32BigEndian(values) is var length && length > values.Length - 4)
            {
                Value(values, binary: true);
                break;
            }
            values = values[4..];
            if (length < 0)
            {
                json.WriteNullValue();
                continue;
            }
            Value(values[..length], parameters.IsBinary(i));
            values = values[length..];
        }
        json.WriteEndArray();
    }

    public void Result(in OperationResult result)
    {
        json.WriteString("outcome"u8, result.Outcome);
        if (result.Status != 0)
        {
            Span<byte> status = [result.Status];
            json.WriteString("status"u8, status);
        }
        json.WriteNumber("duration"u8, result.Micros);
        json.WriteNumber("rows"u8, result.Rows);
        json.WriteNumber("bytes"u8, result.Bytes);
        if (result.Masked > 0)
        {
            json.WriteNumber("masked"u8, result.Masked);
        }
        if (!result.Tag.IsEmpty)
        {
            Shown("tag"u8, result.Tag);
        }
        if (!result.ErrorCode.IsEmpty)
        {
            json.WriteStartObject("error"u8);
            Shown("code"u8, result.ErrorCode);
            Shown("message"u8, result.ErrorMessage);
            json.WriteEndObject();
        }
    }

    /// <summary>How an operation ended of which nothing else is known.</summary>
    public void Outcome(string outcome) => json.WriteString("outcome"u8, outcome);

    public void Hold(Guid hold, DateTimeOffset until)
    {
        json.WriteString("hold"u8, hold);
        json.WriteString("until"u8, until.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", System.Globalization.CultureInfo.InvariantCulture));
    }

    public void HoldEnded(Guid hold, string outcome, string by, string why)
    {
        json.WriteString("outcome"u8, outcome);
        if (why.Length > 0)
        {
            json.WriteString("note"u8, why);
        }
        json.WriteString("hold"u8, hold);
        json.WriteString("by"u8, by);
    }

    /// <summary>What a detector found, never the value.</summary>
    public void Detected(string rule, string detector, string column, int count)
    {
        json.WriteString("rule"u8, rule);
        json.WriteString("detector"u8, detector);
        Shown("column"u8, System.Text.Encoding.UTF8.GetBytes(column));
        json.WriteNumber("count"u8, count);
    }

    public void Cause(string cause, long? cutMicros)
    {
        json.WriteString("cause"u8, cause);
        if (cutMicros is { } micros)
        {
            json.WriteNumber("cutMicros"u8, micros);
        }
    }

    public void Note(string? note)
    {
        if (note is not null)
        {
            json.WriteString("note"u8, note);
        }
    }

    public void Dispose() => json.Dispose();

    /// <summary>Text as it is where that is unambiguous. A value in binary form is never shown as plain text: the integer 0x41424344 is not `ABCD`.</summary>
    private void Value(ReadOnlySpan<byte> value, bool binary)
    {
        var readable = Utf8.IsValid(value) && !value.Contains((byte)0);
        if (readable && !binary)
        {
            json.WriteStringValue(value);
            return;
        }
        json.WriteStartObject();
        if (readable && !value.ContainsAnyInRange((byte)0, (byte)8) && !value.ContainsAnyInRange((byte)14, (byte)31))
        {
            json.WriteString("bytes"u8, value);
        }
        else
        {
            json.WriteBase64String("base64"u8, value);
        }
        json.WriteEndObject();
    }

    /// <summary>A server's words, which need not be UTF-8 and may be long.</summary>
    private void Shown(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (value.Length <= LongestMessage && Utf8.IsValid(value))
        {
            json.WriteString(name, value);
        }
        else
        {
            json.WriteString(name, Encoding.UTF8.GetString(value[..Math.Min(value.Length, LongestMessage)]));
        }
    }

    private static ReadOnlySpan<byte> Name(Effect effect) => effect switch
    {
        Effect.Allow => "allow"u8,
        Effect.Flag => "flag"u8,
        Effect.Limit => "limit"u8,
        Effect.Mask => "mask"u8,
        Effect.Hold => "hold"u8,
        Effect.Deny => "deny"u8,
        _ => throw new ArgumentOutOfRangeException(nameof(effect)),
    };
}
