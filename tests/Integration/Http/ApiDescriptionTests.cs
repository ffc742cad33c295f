using System.Net.Http.Json;
using System.Text.Json;
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

    [Fact]
    public async Task The_description_can_be_browsed()
    {
        using var client = plane.Host.Client();
        Assert.Contains("swagger-ui", await client.GetStringAsync(new Uri("/docs/index.html", UriKind.Relative), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }
}
