using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Xml;

namespace AccessPlane.Contracts;

/// <summary>
/// The one JSON dialect of the product: camelCase members, kebab-case enums, RFC 3339 UTC times, ISO 8601 durations, nulls left out.
/// Stored events, directives, reports and the public API all use it.
/// </summary>
public static class Json
{
    /// <summary>Reads leniently (unknown members are skipped, so that older readers survive newer writers).</summary>
    public static JsonSerializerOptions Options { get; } = Make(JsonUnmappedMemberHandling.Skip);

    /// <summary>Refuses unknown members, and text that no log can keep: for what people send.</summary>
    public static JsonSerializerOptions Strict { get; } = Make(JsonUnmappedMemberHandling.Disallow, new StorableText.Converter());

    /// <summary>As <see cref="Options"/>, and refuses nulls where there may be none: for what an agent sends, whom nobody but its key vouches for.</summary>
    public static JsonSerializerOptions Untrusted { get; } = MakeUntrusted();

    /// <summary>For what is stored: text that cannot be kept is refused instead of being changed in silence.</summary>
    internal static JsonSerializerOptions Stored { get; } = Make(JsonUnmappedMemberHandling.Skip, new StorableText.Converter());

    /// <summary>Makes <paramref name="options"/> speak the dialect.</summary>
    public static void Configure(JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.PropertyNamingPolicy = JsonNamingPolicy.CamelCase;
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        options.RespectRequiredConstructorParameters = true;
        options.TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { AbsentMeansNull } };
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping; // INVARIANT: never embedded in HTML unescaped
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false));
        options.Converters.Add(new DurationConverter());
        options.Converters.Add(new UtcConverter());
    }

    /// <summary>Nulls are left out when writing, so a member that may be null may be absent when reading; all others must be there.</summary>
    private static void AbsentMeansNull(JsonTypeInfo type)
    {
        foreach (var property in type.Properties)
        {
            if (property.AssociatedParameter is { IsNullable: true })
            {
                property.IsRequired = false;
            }
        }
    }

    private static JsonSerializerOptions Make(JsonUnmappedMemberHandling unmapped, params IEnumerable<JsonConverter> further)
    {
        var options = new JsonSerializerOptions { UnmappedMemberHandling = unmapped, AllowDuplicateProperties = unmapped == JsonUnmappedMemberHandling.Skip };
        Configure(options);
        foreach (var converter in further)
        {
            options.Converters.Add(converter);
        }
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }

    private static JsonSerializerOptions MakeUntrusted()
    {
        var options = new JsonSerializerOptions { RespectNullableAnnotations = true };
        Configure(options);
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }

    private sealed class DurationConverter : JsonConverter<TimeSpan>
    {
        public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            var text = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
            try
            {
                return XmlConvert.ToTimeSpan(text ?? "");
            }
            catch (Exception bad) when (bad is FormatException or OverflowException)
            {
                throw new JsonException($"`{text}` is not an ISO 8601 duration such as PT20M");
            }
        }

        public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options) =>
            writer.WriteStringValue(XmlConvert.ToString(value));
    }

    /// <summary>Always writes UTC with microseconds, what PostgreSQL keeps, so that a value survives storage unchanged.</summary>
    private sealed class UtcConverter : JsonConverter<DateTimeOffset>
    {
        public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.String && reader.TryGetDateTimeOffset(out var at)
                ? at.ToUniversalTime()
                : throw new JsonException("not an RFC 3339 time such as 2026-01-31T12:00:00Z");

        public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", System.Globalization.CultureInfo.InvariantCulture));
    }
}
