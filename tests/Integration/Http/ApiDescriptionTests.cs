using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace AccessPlane.Tests.Integration.Http;

public sealed class ApiDescriptionTests(SharedControlPlane plane) : IClassFixture<SharedControlPlane>
{
    [Fact]
    public async Task Every_call_is_described_with_an_example()
    {
        using var client = plane.Host.Client();
        var api = await client.GetFromJsonAsync<JsonElement>("/openapi/v1.json", TestContext.Current.CancellationToken);
        var missing = new List<string>();
        foreach (var path in api.GetProperty("paths").EnumerateObject())
        {
            foreach (var operation in path.Value.EnumerateObject())
            {
                var name = $"{operation.Name.ToUpperInvariant()} {path.Name}";
                if (!operation.Value.TryGetProperty("summary", out _))
                {
                    missing.Add($"{name}: summary");
                }
                if (operation.Value.TryGetProperty("requestBody", out var body) && !body.GetProperty("content").EnumerateObject().Any(c => c.Value.TryGetProperty("example", out _)))
                {
                    missing.Add($"{name}: an example of the body");
                }
                var answer = operation.Value.GetProperty("responses").EnumerateObject().First(r => r.Name.StartsWith('2')).Value;
                if (answer.TryGetProperty("content", out var content) && !content.EnumerateObject().Any(c => c.Value.TryGetProperty("example", out _)))
                {
                    missing.Add($"{name}: an example of the answer");
                }
            }
        }
        Assert.Empty(missing);
    }

    /// <summary>Examples that are documents of another kind than JSON.</summary>
    private static bool IsJson(string? type) => type is null or "application/json";

    [Fact]
    public void Every_example_can_be_read_as_what_it_is_an_example_of()
    {
        var json = plane.Host.Services.GetRequiredService<IOptions<JsonOptions>>().Value.SerializerOptions;
        using var file = typeof(AccessPlane.ControlPlane.Program).Assembly.GetManifestResourceStream("examples.json")!;
        var examples = JsonNode.Parse(file)!.AsObject().ToDictionary(e => e.Key, e => e.Value!);
        var wrong = new List<string>();
        foreach (var endpoint in plane.Host.Services.GetServices<EndpointDataSource>().SelectMany(s => s.Endpoints).OfType<RouteEndpoint>())
        {
            var pattern = System.Text.RegularExpressions.Regex.Replace(endpoint.RoutePattern.RawText ?? "", ":[^}/]*}", "}");
            foreach (var method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? [])
            {
                if (!examples.Remove($"{method} /{pattern.TrimStart('/')}", out var example))
                {
                    continue;
                }
                var answers = endpoint.Metadata.OfType<IProducesResponseTypeMetadata>().FirstOrDefault(p => p.StatusCode is >= 200 and < 300)?.Type;
                var operation = $"{method} {pattern}";
                if (example["response"] is { } response && IsJson((string?)example["responseType"]) && answers is not null)
                {
                    Read(operation, "answer", response, answers);
                }
                if (example["request"] is { } request && IsJson((string?)example["requestType"]))
                {
                    var takes = endpoint.Metadata.GetMetadata<IAcceptsMetadata>()?.RequestType;
                    Assert.True(takes is not null, $"{operation} takes no body");
                    Read(operation, "body", request, takes);
                }
            }
        }
        Assert.Empty(wrong);
        Assert.Empty(examples.Keys); // examples of calls that there are not

        void Read(string operation, string what, JsonNode example, Type type)
        {
            try
            {
                Assert.NotNull(example.Deserialize(type, json));
            }
            catch (JsonException bad)
            {
                wrong.Add($"{operation}, {what} as {type.Name}: {bad.Message}");
            }
        }
    }

    [Fact]
    public async Task The_description_can_be_browsed()
    {
        using var client = plane.Host.Client();
        Assert.Contains("swagger-ui", await client.GetStringAsync(new Uri("/docs/index.html", UriKind.Relative), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }
}
