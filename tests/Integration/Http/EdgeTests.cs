using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Xunit;

namespace AccessPlane.Tests.Integration.Http;

/// <summary>Whatever is sent to the API is answered with a problem that explains itself, and changes nothing.</summary>
public sealed class EdgeTests(SharedControlPlane plane) : IClassFixture<SharedControlPlane>
{
    private readonly ControlPlaneHost host = plane.Host;

    private async Task<(HttpResponseMessage Answer, JsonElement Problem)> Send(
        string method, string path, string? body = null, string type = "application/json", Action<HttpRequestMessage>? more = null, HttpClient? client = null)
    {
        using var own = client is null ? host.Client("engineer", "engineering") : null;
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8);
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        }
        more?.Invoke(request);
        var answer = await (client ?? own!).SendAsync(request, TestContext.Current.CancellationToken);
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return (answer, text.Length == 0 ? default : JsonSerializer.Deserialize<JsonElement>(text));
    }

    private static void IsProblem((HttpResponseMessage Answer, JsonElement Problem) got, int status, string code)
    {
        Assert.True(status == (int)got.Answer.StatusCode, $"{(int)got.Answer.StatusCode} {got.Problem}");
        Assert.Equal("application/problem+json", got.Answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal(code, got.Problem.GetProperty("code").GetString());
        Assert.Equal(status, got.Problem.GetProperty("status").GetInt32());
        Assert.Equal($"urn:accessplane:problem:{code}", got.Problem.GetProperty("type").GetString());
        Assert.NotEmpty(got.Problem.GetProperty("title").GetString()!);
        Assert.Equal(Assert.Single(got.Answer.Headers.GetValues("X-Correlation-Id")), got.Problem.GetProperty("correlation").GetString());
        var detail = got.Problem.GetProperty("detail").GetString()!;
        Assert.NotEmpty(detail);
        Assert.DoesNotContain("AccessPlane.", got.Problem.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("System.", got.Problem.ToString(), StringComparison.Ordinal);
        got.Answer.Dispose();
    }

    [Theory]
    [InlineData("GET", "/v1/nothing", 404, "not-found")]
    [InlineData("GET", "/", 404, "not-found")]
    [InlineData("GET", "/v1/requests/no-guid", 404, "not-found")]
    [InlineData("GET", "/v1/requests/0199aaaa-0000-7000-8000-000000000001", 404, "no-such-request")]
    [InlineData("PATCH", "/v1/requests", 405, "method-not-allowed")]
    [InlineData("GET", "/v1/requests?stat=Submitted", 422, "unknown-parameter")]
    [InlineData("GET", "/v1/requests?limit=1&limit=2", 422, "invalid")]
    [InlineData("GET", "/v1/resources?x=1", 422, "unknown-parameter")]
    public async Task Calls_that_make_no_sense_are_told_so(string method, string path, int status, string code) =>
        IsProblem(await Send(method, path), status, code);

    [Theory]
    [InlineData("{", 400, "bad-json", null)]
    [InlineData("nonsense", 400, "bad-json", null)]
    [InlineData("{\"entitlement\":\"orders-read\"} {}", 400, "bad-json", null)]
    [InlineData("{\"entitlement\":\"orders-read\",}", 400, "bad-json", null)]
    [InlineData("", 400, "body-missing", null)]
    [InlineData("null", 400, "body-missing", null)]
    [InlineData("[]", 422, "invalid-body", "$")]
    [InlineData("{}", 422, "invalid-body", "entitlement")]
    [InlineData("{\"entitlement\":17}", 422, "invalid-body", "entitlement")]
    [InlineData("{\"entitlement\":null}", 422, "invalid-body", "entitlement")]
    [InlineData("{\"entitlement\":\"orders-read\",\"durations\":\"PT1M\"}", 422, "unknown-field", "durations")]
    [InlineData("{\"entitlement\":\"orders-read\",\"entitlement\":\"orders-write\"}", 422, "invalid-body", "entitlement")]
    [InlineData("{\"entitlement\":\"orders-read\",\"\\u0065ntitlement\":\"orders-write\"}", 422, "invalid-body", "entitlement")]
    [InlineData("{\"entitlement\":\"orders-read\",\"duration\":\"20m\"}", 422, "invalid-body", "duration")]
    [InlineData("{\"entitlement\":\"orders-read\",\"duration\":\"P99999999999999D\"}", 422, "invalid-body", "duration")]
    [InlineData("{\"entitlement\":\"\\ud800\"}", 422, "invalid-body", "entitlement")]
    [InlineData("{\"entitlement\":\"orders-none\"}", 422, "no-such-entitlement", "entitlement")]
    public async Task Bodies_are_read_strictly(string body, int status, string code, string? field)
    {
        var before = await Requests();
        var got = await Send("POST", "/v1/requests", body);
        IsProblem(got, status, code);
        if (field is not null)
        {
            Assert.NotEmpty(got.Problem.GetProperty("errors").GetProperty(field)[0].GetString()!);
        }
        Assert.Equal(before, await Requests());
    }

    private async Task<int> Requests() => (await host.Get("/v1/audit/events?type=request_submitted&limit=1000")).GetProperty("items").GetArrayLength();

    [Fact]
    public async Task Bytes_that_are_no_text_are_refused()
    {
        var bytes = new ByteArrayContent([.. "{\"entitlement\":\"orders-read"u8, 0xff, .. "\"}"u8]);
        bytes.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        IsProblem(await Send("POST", "/v1/requests", more: r => r.Content = bytes), 422, "invalid-body");
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/xml")]
    [InlineData("application/x-www-form-urlencoded")]
    public async Task Other_media_types_are_refused(string type) =>
        IsProblem(await Send("POST", "/v1/requests", "{\"entitlement\":\"orders-read\"}", type), 415, "unsupported-media-type");

    [Fact]
    public async Task A_body_over_a_mebibyte_is_refused()
    {
        var huge = $"{{\"entitlement\":\"orders-read\",\"reason\":\"{new string('x', 1024 * 1024)}\"}}";
        IsProblem(await Send("POST", "/v1/requests", huge), 413, "too-large");
        // and without a length in front, and with a key under which it would be remembered
        IsProblem(await Send("POST", "/v1/requests", huge, more: r => r.Headers.TransferEncodingChunked = true), 413, "too-large");
        IsProblem(await Send("POST", "/v1/requests", huge, more: r => r.Headers.Add("Idempotency-Key", "huge")), 413, "too-large");
    }

    [Fact]
    public async Task A_failure_of_our_own_says_nothing_but_where_to_look()
    {
        await using var host = await ControlPlaneHost.Start(map: app => app.MapGet("/boom", () => { throw new InvalidOperationException("secret of the house"); }));
        using var client = host.Client();
        var got = await Send("GET", "/boom", client: client);
        Assert.DoesNotContain("secret", got.Problem.ToString(), StringComparison.Ordinal);
        IsProblem(got, 500, "internal");
    }

    [Fact]
    public async Task The_callers_trace_is_the_correlation()
    {
        var (answer, _) = await Send("GET", "/v1/nothing", more: r => r.Headers.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        Assert.Equal("0af76519-16cd-43dd-8448-eb211c80319c", Assert.Single(answer.Headers.GetValues("X-Correlation-Id")));
        answer.Dispose();
        var (other, _) = await Send("GET", "/v1/nothing", more: r => r.Headers.TryAddWithoutValidation("traceparent", "nonsense"));
        Assert.True(Guid.TryParse(Assert.Single(other.Headers.GetValues("X-Correlation-Id")), out _));
        other.Dispose();
    }

    [Fact]
    public async Task Health_tells_what_is_there()
    {
        using var anyone = host.Client();
        Assert.Equal("live", (await Send("GET", "/health/live", client: anyone)).Problem.GetProperty("status").GetString());
        var deadline = TimeProvider.System.GetUtcNow().AddSeconds(20);
        (HttpResponseMessage Answer, JsonElement Problem) ready;
        while ((ready = await Send("GET", "/health/ready", client: anyone)).Answer.StatusCode != HttpStatusCode.OK)
        {
            Assert.True(TimeProvider.System.GetUtcNow() < deadline, ready.Problem.ToString());
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
        Assert.Equal(["agents", "broker", "checkpoints", "history", "log", "policy", "projections"], ready.Problem.GetProperty("checks").EnumerateObject().Select(c => c.Name));
    }
}
