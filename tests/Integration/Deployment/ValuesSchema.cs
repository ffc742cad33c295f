using System.Text.Json;
using System.Text.RegularExpressions;

namespace AccessPlane.Tests.Integration.Deployment;

/// <summary>As much of JSON Schema as values.schema.json uses; a word of it that is not known is a problem too.</summary>
internal sealed class ValuesSchema(string text)
{
    private static readonly string[] Known =
        ["$schema", "$ref", "definitions", "type", "additionalProperties", "required", "properties", "items", "minItems", "enum", "pattern", "not", "minimum", "maximum"];

    private readonly JsonElement root = JsonSerializer.Deserialize<JsonElement>(text);

    public IReadOnlyList<string> Problems(object? value) => [.. Problems("values", JsonSerializer.SerializeToElement(value), root)];

    private IEnumerable<string> Problems(string at, JsonElement value, JsonElement schema)
    {
        if (schema.TryGetProperty("$ref", out var reference))
        {
            schema = reference.GetString()!.Split('/').Skip(1).Aggregate(root, (s, name) => s.GetProperty(name));
        }
        foreach (var word in schema.EnumerateObject().Where(w => !Known.Contains(w.Name)))
        {
            yield return $"{at}: `{word.Name}` is not known here";
        }
        if (schema.TryGetProperty("type", out var type) && !Is(value, type.GetString()!))
        {
            yield return $"{at}: is not of the type {type}";
            yield break;
        }
        if (schema.TryGetProperty("enum", out var allowed) && !allowed.EnumerateArray().Any(a => a.ToString() == value.ToString()))
        {
            yield return $"{at}: `{value}` is none of {allowed}";
        }
        if (schema.TryGetProperty("pattern", out var pattern) && !Regex.IsMatch(value.GetString()!, pattern.GetString()!))
        {
            yield return $"{at}: `{value}` does not match {pattern}";
        }
        if (schema.TryGetProperty("not", out var not) && !Problems(at, value, not).Any())
        {
            yield return $"{at}: `{value}` is excluded";
        }
        if ((schema.TryGetProperty("minimum", out var least) && value.GetInt64() < least.GetInt64()) || (schema.TryGetProperty("maximum", out var most) && value.GetInt64() > most.GetInt64()))
        {
            yield return $"{at}: `{value}` is out of bounds";
        }
        foreach (var problem in value.ValueKind == JsonValueKind.Object ? Members(at, value, schema) : value.ValueKind == JsonValueKind.Array ? Items(at, value, schema) : [])
        {
            yield return problem;
        }
    }

    private IEnumerable<string> Members(string at, JsonElement value, JsonElement schema)
    {
        if (schema.TryGetProperty("required", out var required))
        {
            foreach (var name in required.EnumerateArray().Where(n => !value.TryGetProperty(n.GetString()!, out _)))
            {
                yield return $"{at}: `{name}` is missing";
            }
        }
        foreach (var member in value.EnumerateObject())
        {
            var known = schema.TryGetProperty("properties", out var properties) && properties.TryGetProperty(member.Name, out _);
            var rest = schema.TryGetProperty("additionalProperties", out var additional) ? additional : default;
            if (!known && rest.ValueKind == JsonValueKind.False)
            {
                yield return $"{at}: `{member.Name}` is not known";
            }
            var of = known ? properties.GetProperty(member.Name) : rest;
            foreach (var problem in of.ValueKind == JsonValueKind.Object ? Problems($"{at}.{member.Name}", member.Value, of) : [])
            {
                yield return problem;
            }
        }
    }

    private IEnumerable<string> Items(string at, JsonElement value, JsonElement schema)
    {
        if (schema.TryGetProperty("minItems", out var least) && value.GetArrayLength() < least.GetInt32())
        {
            yield return $"{at}: has too few";
        }
        if (schema.TryGetProperty("items", out var of))
        {
            foreach (var problem in value.EnumerateArray().SelectMany((item, i) => Problems($"{at}[{i}]", item, of)))
            {
                yield return problem;
            }
        }
    }

    private static bool Is(JsonElement value, string type) => type switch
    {
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "string" => value.ValueKind == JsonValueKind.String,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "integer" => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _),
        _ => throw new FormatException($"`{type}` is no type"),
    };
}
