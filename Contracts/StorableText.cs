using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AccessPlane.Contracts;

/// <summary>
/// Text that a log can keep as it is: PostgreSQL has no NUL character, and half a surrogate pair is no character at all. Such text is refused
/// where people send it, and once more where it would be stored: it is never changed in silence.
/// </summary>
public static class StorableText
{
    /// <summary>Why a text cannot be kept; null where it can.</summary>
    public static string? WhyNot(ReadOnlySpan<char> text)
    {
        if (text.Contains('\0'))
        {
            return "text may not contain the NUL character";
        }
        for (var at = 0; text[at..].IndexOfAnyInRange('\ud800', '\udfff') is >= 0 and var next;)
        {
            at += next;
            if (!char.IsHighSurrogate(text[at]) || at + 1 >= text.Length || !char.IsLowSurrogate(text[at + 1]))
            {
                return "text may not contain half a surrogate pair";
            }
            at += 2;
        }
        return null;
    }

    /// <summary>Whether a JSON document can be kept as one: its texts, and its numbers, which are whole and of 64 bits wherever we write them.</summary>
    public static bool CanKeep(string json)
    {
        if (WhyNot(json) is not null)
        {
            return false;
        }
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(json));
        try
        {
            while (reader.Read())
            {
                // what stands there without an escape was looked at with the whole
                if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName ? reader.ValueIsEscaped && WhyNot(reader.GetString()) is not null
                    : reader.TokenType is JsonTokenType.Number && !reader.TryGetInt64(out _))
                {
                    return false;
                }
            }
            return true;
        }
        catch (Exception malformed) when (malformed is JsonException or InvalidOperationException)
        {
            return false; // not JSON, or an escape that stands for no character
        }
    }

    /// <summary>Refuses such text in both directions.</summary>
    internal sealed class Converter : JsonConverter<string>
    {
        public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.GetString() is { } text ? WhyNot(text) is { } why ? throw new JsonException(why) : text : null;

        public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
            writer.WriteStringValue(Checked(value));

        public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.GetString() is { } text && WhyNot(text) is null ? text : throw new JsonException("a member's name has characters that cannot be kept");

        public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
            writer.WritePropertyName(Checked(value));

        private static string Checked(string text) => WhyNot(text) is { } why ? throw new TextNotStorableException(why) : text;
    }
}

/// <summary>An event holds text that the log cannot keep. The message may be shown.</summary>
public sealed class TextNotStorableException(string message) : Exception(message)
{
    public TextNotStorableException() : this("text cannot be stored") { }

    public TextNotStorableException(string message, Exception inner) : this($"{message}: {inner?.Message}") { }
}
