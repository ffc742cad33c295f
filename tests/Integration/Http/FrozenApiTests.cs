using System.Net.Http.Json;
using System.Text.Json;
using Xunit;

namespace AccessPlane.Tests.Integration.Http;

/// <summary>Programs rely on what the API's calls are named, what they take and what they give: nothing of it goes away, and what is new is written down with it.</summary>
public sealed class FrozenApiTests(SharedControlPlane plane) : IClassFixture<SharedControlPlane>
{
    private const string Schemas = "#/components/schemas/";
    private const int MostShown = 40;
    private static readonly string Frozen = Path.Combine(AppContext.BaseDirectory, "corpus", "api-shapes.txt");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_programs_know_of_the_api_is_what_is_written_down()
    {
        using var client = plane.Host.Client();
        var api = await client.GetFromJsonAsync<JsonElement>("/openapi/v1.json", Cancel);
        var file = await File.ReadAllLinesAsync(Frozen, Cancel);
        var frozen = file.Where(l => l.Length > 0 && l[0] != '#').ToHashSet(StringComparer.Ordinal);
        var here = Calls(api).Concat(Shapes(api)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        var (gone, added) = (frozen.Except(here).ToList(), here.Except(frozen).ToList());
        if (gone.Count + added.Count > 0)
        {
            var found = Path.Combine(AppContext.BaseDirectory, "api-shapes.found.txt");
            await File.WriteAllLinesAsync(found, [.. file.TakeWhile(l => l.StartsWith('#')), .. here], Cancel);
            Assert.Fail(
                $"tests/corpus/api-shapes.txt says something else: {gone.Count} lines of it are gone from the API, which breaks who relies on them, and {added.Count} are " +
                $"not in it, which belong there. All that there is now stands in {found}\n" +
                string.Join('\n', gone.Take(MostShown).Select(l => $"- {l}").Concat(added.Take(MostShown).Select(l => $"+ {l}"))));
        }
    }

    private static IEnumerable<string> Calls(JsonElement api)
    {
        foreach (var path in api.GetProperty("paths").EnumerateObject())
        {
            foreach (var operation in path.Value.EnumerateObject())
            {
                var call = $"{operation.Name.ToUpperInvariant()} {path.Name}";
                yield return call;
                foreach (var parameter in Items(operation.Value, "parameters"))
                {
                    yield return $"{call} {parameter.GetProperty("in").GetString()} {parameter.GetProperty("name").GetString()}: {TypeOf(parameter.GetProperty("schema"))}";
                }
                if (operation.Value.TryGetProperty("requestBody", out var body))
                {
                    foreach (var content in Contents(body))
                    {
                        yield return $"{call} takes {content}";
                    }
                }
                // what is refused is a `Problem` everywhere
                foreach (var answer in operation.Value.GetProperty("responses").EnumerateObject().Where(r => r.Name.StartsWith('2')))
                {
                    yield return $"{call} {answer.Name}";
                    foreach (var content in Contents(answer.Value))
                    {
                        yield return $"{call} {answer.Name} gives {content}";
                    }
                }
            }
        }
    }

    private static IEnumerable<string> Contents(JsonElement of) => of.TryGetProperty("content", out var content)
        ? content.EnumerateObject().Select(c => $"{c.Name}: {(c.Value.TryGetProperty("schema", out var schema) ? TypeOf(schema) : "any")}")
        : [];

    private static IEnumerable<string> Shapes(JsonElement api) =>
        api.GetProperty("components").GetProperty("schemas").EnumerateObject().SelectMany(s => Shape(s.Name, s.Value));

    private static IEnumerable<string> Shape(string name, JsonElement schema)
    {
        if (!schema.TryGetProperty("properties", out var members))
        {
            yield return $"{name}: {TypeOf(schema)}";
            yield break;
        }
        var required = Items(schema, "required").Select(r => r.GetString()!).ToHashSet(StringComparer.Ordinal);
        foreach (var member in members.EnumerateObject())
        {
            yield return $"{name}.{member.Name}{(required.Contains(member.Name) ? "" : "?")}: {TypeOf(member.Value)}";
            // of one that has no name of its own, or a list of such
            var inner = member.Value.TryGetProperty("items", out var items) ? items : member.Value;
            foreach (var line in inner.TryGetProperty("properties", out _) ? Shape($"{name}.{member.Name}", inner) : [])
            {
                yield return line;
            }
        }
    }

    private static string TypeOf(JsonElement schema)
    {
        var kinds = Kinds(schema).Distinct(StringComparer.Ordinal).ToList();
        var isNullable = kinds.Remove("null");
        return $"{(kinds.Count == 0 ? "any" : string.Join('|', kinds))}{(isNullable ? "?" : "")}";
    }

    private static IEnumerable<string> Kinds(JsonElement schema)
    {
        if (schema.ValueKind != JsonValueKind.Object)
        {
            return [];
        }
        if (schema.TryGetProperty("$ref", out var named))
        {
            return [named.GetString()!.Replace(Schemas, "", StringComparison.Ordinal)];
        }
        List<JsonElement> choices = [.. Items(schema, "oneOf"), .. Items(schema, "anyOf"), .. Items(schema, "allOf")];
        if (choices.Count > 0)
        {
            return choices.SelectMany(Kinds);
        }
        if (schema.TryGetProperty("enum", out var values))
        {
            return values.EnumerateArray().Select(v => v.GetRawText());
        }
        if (!schema.TryGetProperty("type", out var type))
        {
            return [];
        }
        return type.ValueKind == JsonValueKind.Array ? type.EnumerateArray().Select(t => Kind(t.GetString()!, schema)) : [Kind(type.GetString()!, schema)];
    }

    private static string Kind(string type, JsonElement schema) => type switch
    {
        "null" => type,
        "array" => $"{(schema.TryGetProperty("items", out var items) ? TypeOf(items) : "any")}[]",
        "object" when schema.TryGetProperty("additionalProperties", out var values) && values.ValueKind != JsonValueKind.False => $"map of {TypeOf(values)}",
        _ => schema.TryGetProperty("format", out var format) ? $"{type} {format.GetString()}" : type,
    };

    private static List<JsonElement> Items(JsonElement of, string list) => of.TryGetProperty(list, out var items) ? [.. items.EnumerateArray()] : [];
}
